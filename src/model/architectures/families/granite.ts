/** @module Granite 3: Llama's layer with four multipliers, all in the configuration: embedding, attention, residual, logits. */

import type { Layer, ProgramBuilder } from "../builder/program-builder.ts";
import { preNormLayer } from "./pre-norm.ts";

export function graniteLayer(builder: ProgramBuilder, layer: Layer): void {
  preNormLayer(builder, layer);
}
