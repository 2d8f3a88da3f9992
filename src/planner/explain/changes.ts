/** @module The smallest changes that would have made a failed start fit, each tried with the engine's own rules. */
import { rulesOf } from "../engines/engines.ts";
import type { LogFacts } from "../log/log-facts.ts";
import { asSuggestion, type Change } from "../plan/change.ts";
import type { Plan, Suggestion } from "../plan/plan.ts";
import type { LogRules, Shortfall } from "../rules/engine-rules.ts";
import { allRemedies } from "../search/remedies.ts";
import { smallestThatFits } from "../search/smallest-that-fits.ts";
import { isNoShortage, lackingBytes } from "./shortage.ts";
import { type MeasuredStart, planWith } from "./trial.ts";

const mostChanges = 3;

/**
 * A length that the engine itself suggested needs no second opinion: it knows its bytes to the last, the log prints two
 * decimals.
 */
function isEnginesOwn({ flags }: Change, lengthFlag: string, { suggestedLength }: Shortfall): boolean {
  return suggestedLength !== null && flags[lengthFlag] === String(suggestedLength);
}

/** Up to three changes, the likeliest cause first; none for a start that did not fail. */
export function smallestChanges(log: LogRules, facts: LogFacts, start: MeasuredStart): Suggestion[] {
  const kind = facts.failure?.kind ?? null;
  if (kind === null || kind === "invalidSetting" || kind === "neighbourFreed" || isNoShortage(facts))
    return [];
  const { roles } = rulesOf(facts.engine);
  const shortfall: Shortfall = {
    request: start.request,
    planned: start.planned,
    failure: kind,
    suggestedLength: facts.counts.suggestedLen ?? null,
    lackingBytes: lackingBytes(facts),
  };
  const attempt = (change: Change): Plan | null => {
    const plan = planWith(start, change);
    if (plan === null) return null;
    if (isEnginesOwn(change, roles.length, shortfall)) return plan;
    return plan.verdict.kind === "fits" && log.getsPast(kind, plan, shortfall) ? plan : null;
  };
  return smallestThatFits(allRemedies(shortfall), attempt, mostChanges).map(({ change, answer }) => {
    const suggested = isEnginesOwn(change, roles.length, shortfall) ? (shortfall.suggestedLength ?? 0) : 0;
    const numTokens = Math.max(answer.kv?.numTokens.expected ?? 0, suggested);
    const cards = answer.numDevices > start.planned.numDevices ? ` on ${answer.numDevices} cards` : "";
    return asSuggestion({ ...change, why: `${change.why}; then ${numTokens} KV tokens${cards}` });
  });
}
