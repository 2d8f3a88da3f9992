/** @module The number of cards a model needs: the fewest over which a start fits. */
import { PagodaError } from "../../core/errors.ts";
import { canonicalRequest, rulesOf } from "../engines/engines.ts";
import type { Plan, PlanRequest } from "../plan/plan.ts";
import { plan } from "./plan.ts";
import { firstThatFits } from "./smallest-that-fits.ts";

/**
 * The flag that splits an instance over cards.
 * @throws PagodaError `plan_invalid` for an engine that has none.
 */
export function ranksFlag(engine: string): string {
  const { roles, title } = rulesOf(engine);
  if (roles.ranks !== null) return roles.ranks;
  throw new PagodaError("plan_invalid", `${title} runs an instance on one device.`, {
    param: "devices",
    hint: "Leave out --devices, or plan several instances with --replicas.",
  });
}

/**
 * The plan of the fewest cards, up to `mostCards`, on which the start fits; where none fits, that of the most cards the
 * engine accepts.
 * @throws PagodaError of the engine where it accepts no split at all.
 */
export function planFewestCards(typed: PlanRequest, mostCards: number): Plan {
  if (mostCards < 1) throw noCards(mostCards);
  const request = canonicalRequest(typed);
  const flag = ranksFlag(request.engine);
  let last: Plan | null = null;
  let refusal: PagodaError | null = null;
  const counts = Array.from({ length: mostCards }, (_, at) => at + 1);
  const found = firstThatFits(counts, (numCards) => {
    try {
      last = plan({ ...request, flags: { ...request.flags, [flag]: String(numCards) } });
      return last.verdict.kind === "fits" ? last : null;
    } catch (error) {
      if (!(error instanceof PagodaError)) throw error;
      refusal ??= error;
      return null;
    }
  });
  const answer = found?.answer ?? last;
  if (answer !== null) return answer;
  throw refusal ?? noCards(mostCards);
}

function noCards(mostCards: number): PagodaError {
  return new PagodaError("plan_invalid", `--devices must be at least 1; got ${mostCards}.`, {
    param: "devices",
    hint: "Write --devices 1 for one card.",
  });
}
