/** @module Llama 1 to 3 and what shares its layer: SmolLM2, TinyLlama, Yi. */

import type { Layer, ProgramBuilder } from "../builder/program-builder.ts";
import { preNormLayer } from "./pre-norm.ts";

export function llamaLayer(builder: ProgramBuilder, layer: Layer): void {
  preNormLayer(builder, layer);
}
