/** @module One plan, and where it does not fit the smallest changes that would make it fit. */
import { canonicalRequest, planStart, rulesOf } from "../engines/engines.ts";
import { deepFreeze, type Plan, type PlanRequest } from "../plan/plan.ts";
import { withSuggestions } from "./suggestions.ts";

/**
 * Plans one start of one engine on one kind of device.
 * @throws PagodaError `plan_invalid`, `model_unsupported`: what is wrong and the nearest thing that is right.
 */
export function plan(request: PlanRequest): Plan {
  const canonical = canonicalRequest(request);
  return withPassedOn(canonical, withSuggestions(canonical, planStart(canonical)));
}

/** A flag that the planner does not know is part of the command, and the plan says that it was not taken into account. */
function withPassedOn({ engine, flags }: PlanRequest, planned: Plan): Plan {
  const { title, flags: known } = rulesOf(engine);
  const names = new Set(known.map(({ name }) => name));
  const unknown = Object.keys(flags).filter((name) => !names.has(name));
  if (unknown.length === 0) return planned;
  const listed = unknown.map((name) => `--${name}`).join(", ");
  const warning = `Passed on to ${title} and not planned with: ${listed}.`;
  return deepFreeze({ ...planned, warnings: [...planned.warnings, warning] });
}
