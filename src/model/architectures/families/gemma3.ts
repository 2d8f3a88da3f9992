/**
 * @module Gemma 3: Gemma 2's layer with a norm on each head of q and k in place of the softcaps; five windowed layers to
 * one full one, each kind with its own rotary table (both in the configuration).
 */

import type { Layer, ProgramBuilder } from "../builder/program-builder.ts";
import { gemma2Layer } from "./gemma2.ts";

export function gemma3Layer(builder: ProgramBuilder, layer: Layer): void {
  gemma2Layer(builder, layer, { queryKeyNorm: "perHead" });
}
