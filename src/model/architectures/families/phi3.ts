/** @module Phi 3 and 4: Llama's layer with q, k, v in one matrix and gate, up in another. */

import type { Layer, ProgramBuilder } from "../builder/program-builder.ts";
import { preNormLayer } from "./pre-norm.ts";

export function phi3Layer(builder: ProgramBuilder, layer: Layer): void {
  preNormLayer(builder, layer, { fusedQkv: true, fusedGateUp: true });
}
