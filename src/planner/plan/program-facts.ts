/** @module What the headers of a checkpoint say of a model to our own engine. */
import type { ModelShape } from "../../core/footprint.ts";

export interface ProgramFacts {
  /** The model with its matrices quantized at load, or as they are stored. */
  readonly shapeUnder: (quantization: "int4" | "int8" | null) => ModelShape;
  /** The longest sequence that the model was made for. */
  readonly modelMaxLen: number;
  /** The shortest sequence that is of use: the chat template and a short answer. */
  readonly leastUsefulLen: number;
}
