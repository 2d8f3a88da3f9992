/** @module Ways out of a shortfall: the engine's flags, and the quantized checkpoints that the catalogue has of the model. */
import { rulesOf } from "../engines/engines.ts";
import { quantizedCheckpoints } from "../model/catalogue.ts";
import type { Remedy } from "../plan/change.ts";
import type { Shortfall } from "../rules/engine-rules.ts";

function checkpoints({ request }: Shortfall): Remedy {
  const models = request.model.quantization === null ? quantizedCheckpoints(request.model.name) : [];
  return {
    steps: models.map((model) => ({ flags: {}, model })),
    why: "the same model in fewer bits",
  };
}

/** The engine's remedies, likeliest first; where the weights do not fit, other weights come second, else last. */
export function allRemedies(shortfall: Shortfall): readonly Remedy[] {
  const [first, ...others] = rulesOf(shortfall.request.engine).remedies(shortfall);
  const smaller = checkpoints(shortfall);
  if (first === undefined) return [smaller];
  return shortfall.failure === "weights" ? [first, smaller, ...others] : [first, ...others, smaller];
}
