/** @module Mistral: Llama's layer; attention sees a window where the configuration has one. */
import { preNormLayer } from "./pre-norm.ts";
import type { Layer, ProgramBuilder } from "./program-builder.ts";

export function mistralLayer(builder: ProgramBuilder, layer: Layer): void {
  preNormLayer(builder, layer);
}
