/** @module Qwen 2 and 2.5: Llama's layer with a bias on q, k and v (the configuration says so). */

import type { Layer, ProgramBuilder } from "../builder/program-builder.ts";
import { preNormLayer } from "./pre-norm.ts";

export function qwen2Layer(builder: ProgramBuilder, layer: Layer): void {
  preNormLayer(builder, layer);
}
