/** @module The KV memory of a log to the block: its print has two decimals, the tokens beside it say which block of them it was. */
import { planOrNull } from "../engines/engines.ts";
import type { LogFacts } from "../log/log-facts.ts";
import type { PlanRequest } from "../plan/plan.ts";
import { measured, type Quantity } from "../quantity/quantity.ts";

/** Halvings of an interval of a few MiB down to a byte. */
const mostTries = 32;

/**
 * The KV memory inside the print's rounding at which the plan has the tokens that the log prints; the print itself where
 * none has. More bytes never give fewer tokens.
 */
export function poolOfLog(facts: LogFacts, request: PlanRequest, printed: Quantity): Quantity {
  const wanted = facts.counts.numTokens;
  if (wanted === undefined) return printed;
  let [low, high] = [printed.lowBytes, printed.highBytes];
  for (let tries = 0; tries < mostTries && high - low > 1; tries++) {
    const middle = (low + high) / 2;
    const pool = measured(middle, printed.evidence.why);
    const plan = planOrNull({ ...request, measured: { ...request.measured, availableKv: pool } });
    const tokens = plan?.kv?.numTokens.expected ?? 0;
    if (tokens === wanted) return { ...pool, lowBytes: middle, highBytes: middle };
    if (tokens < wanted) low = middle;
    else high = middle;
  }
  return printed;
}
