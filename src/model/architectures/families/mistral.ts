/** @module Mistral: Llama's layer; attention sees a window where the configuration has one. */

import type { Layer, ProgramBuilder } from "../builder/program-builder.ts";
import { preNormLayer } from "./pre-norm.ts";

export function mistralLayer(builder: ProgramBuilder, layer: Layer): void {
  preNormLayer(builder, layer);
}
