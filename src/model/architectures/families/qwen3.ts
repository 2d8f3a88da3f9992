/** @module Qwen 3: Llama's layer with a norm on each head of q and k before they are turned. */

import type { Layer, ProgramBuilder } from "../builder/program-builder.ts";
import { preNormLayer } from "./pre-norm.ts";

export function qwen3Layer(builder: ProgramBuilder, layer: Layer): void {
  preNormLayer(builder, layer, { queryKeyNorm: "perHead" });
}
