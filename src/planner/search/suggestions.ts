/** @module A plan with the smallest changes that would make it fit, each tried with the engine's own rules. */
import { planOrNull } from "../engines/engines.ts";
import { asSuggestion, type Change, changedRequest } from "../plan/change.ts";
import { deepFreeze, type Plan, type PlanRequest, type Suggestion } from "../plan/plan.ts";
import { allRemedies } from "./remedies.ts";
import { smallestThatFits } from "./smallest-that-fits.ts";

const mostSuggestions = 3;

/** The longest request that an engine's refusal suggests. */
function lengthIn(message: string | null): number | null {
  const match = /estimated maximum model length is (\d+)|stored in KV cache \((\d+)\)/.exec(message ?? "");
  const length = Number(match?.[1] ?? match?.[2] ?? 0);
  return length > 0 ? length : null;
}

function suggestionsFor(request: PlanRequest, planned: Plan): readonly Suggestion[] {
  const { failure, engineMessage } = planned.verdict;
  const shortfall = { request, planned, failure, suggestedLength: lengthIn(engineMessage), lackingBytes: 0 };
  const attempt = (change: Change): Plan | null => {
    const answer = planOrNull(changedRequest(request, change));
    return answer?.verdict.kind === "fits" ? answer : null;
  };
  return smallestThatFits(allRemedies(shortfall), attempt, mostSuggestions).map(({ change, answer }) => {
    const cards = answer.numDevices > planned.numDevices ? ` on ${answer.numDevices} cards` : "";
    const numTokens = answer.kv?.numTokens.expected ?? 0;
    return asSuggestion({ ...change, why: `${change.why}; then ${numTokens} KV tokens${cards}` });
  });
}

/** Adds up to three suggestions to a plan that does not fit. */
export function withSuggestions(request: PlanRequest, planned: Plan): Plan {
  if (planned.verdict.kind === "fits") return planned;
  const suggestions = suggestionsFor(request, planned);
  return deepFreeze({ ...planned, verdict: { ...planned.verdict, suggestions } });
}
