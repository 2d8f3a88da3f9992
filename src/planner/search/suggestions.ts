/** @module The smallest changes that would make a plan fit: candidates of the engine, each tried with its own rules. */
import { PagodaError } from "../../core/errors.ts";
import type { FlagValues, Plan, PlanRequest, Suggestion } from "../plan/plan.ts";

export interface FlagChange {
  /** All flags of the changed start. */
  readonly flags: FlagValues;
  /** What was added, as typed. */
  readonly added: readonly string[];
  readonly why: string;
}

const mostSuggestions = 3;

/** True where the changed start fits; a change the engine refuses helps nobody. */
function fitsWith(
  request: PlanRequest,
  change: FlagChange,
  plan: (request: PlanRequest) => Plan,
): Plan | null {
  try {
    const changed = plan({ ...request, flags: change.flags });
    return changed.verdict.kind === "fits" ? changed : null;
  } catch (error) {
    if (error instanceof PagodaError) return null;
    throw error;
  }
}

/** Adds up to three suggestions to a plan that does not fit. */
export function withSuggestions(
  request: PlanRequest,
  plan: Plan,
  planner: (request: PlanRequest) => Plan,
  candidates: (request: PlanRequest, plan: Plan) => readonly FlagChange[],
): Plan {
  if (plan.verdict.kind === "fits") return plan;
  const suggestions: Suggestion[] = [];
  for (const change of candidates(request, plan)) {
    if (suggestions.length === mostSuggestions) break;
    const changed = fitsWith(request, change, planner);
    if (changed === null) continue;
    const tokens = changed.kv?.numTokens.expected ?? 0;
    suggestions.push({ flags: change.added, why: `${change.why}; then ${tokens} KV tokens` });
  }
  return { ...plan, verdict: { ...plan.verdict, suggestions } };
}
