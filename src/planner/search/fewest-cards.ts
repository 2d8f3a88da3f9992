/** @module The number of cards a model needs: the smallest tensor parallel size whose plan fits. */
import { PagodaError } from "../../core/errors.ts";
import { plan } from "../engines/engines.ts";
import type { Plan, PlanRequest } from "../plan/plan.ts";

/** The flag's name in each engine. */
export function tensorParallelFlag(engine: string): string {
  return engine === "lmdeploy" ? "tp" : "tensor-parallel-size";
}

function planOn(request: PlanRequest, numCards: number): Plan | PagodaError {
  try {
    return plan({
      ...request,
      flags: { ...request.flags, [tensorParallelFlag(request.engine)]: String(numCards) },
    });
  } catch (error) {
    if (error instanceof PagodaError) return error;
    throw error;
  }
}

/**
 * The plan of the fewest cards, up to `mostCards`, on which the start fits; where none fits, that of the most cards the
 * engine accepts.
 * @throws PagodaError of the engine where it accepts no split at all.
 */
export function planFewestCards(request: PlanRequest, mostCards: number): Plan {
  let last: Plan | null = null;
  let refusal: PagodaError | null = null;
  for (let numCards = 1; numCards <= mostCards; numCards++) {
    const answer = planOn(request, numCards);
    if (answer instanceof PagodaError) {
      refusal ??= answer;
      continue;
    }
    if (answer.verdict.kind === "fits") return answer;
    last = answer;
  }
  if (last !== null) return last;
  throw (
    refusal ??
    new PagodaError("plan_invalid", `${mostCards} cards are none.`, {
      param: "devices",
      hint: "Use at least 1.",
    })
  );
}
