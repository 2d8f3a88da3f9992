/** @module Granite 3: Llama's layer with four multipliers, all in the configuration: embedding, attention, residual, logits. */
import { preNormLayer } from "./pre-norm.ts";
import type { Layer, ProgramBuilder } from "./program-builder.ts";

export function graniteLayer(builder: ProgramBuilder, layer: Layer): void {
  preNormLayer(builder, layer);
}
