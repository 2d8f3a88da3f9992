/** @module Layers that a search gave different sizes (DeciLM, Nemotron Super): `block_configs`, one entry a layer. */
import { roundUp } from "../quantity/bytes.ts";
import { type ConfigFields, isObject } from "./config-fields.ts";
import type { FeedForward, LayerFacts, Mixer } from "./facts.ts";

/** Widths are multiples of this (`_ffn_mult_to_intermediate_size` of vLLM's nemotron_nas.py). */
const widthStep = 256;

function mixerOfBlock(fields: ConfigFields, hidden: number, block: unknown): Mixer {
  if (!isObject(block) || block.no_op === true || block.replace_with_linear === true) return { kind: "none" };
  const numHeads = fields.required(["num_attention_heads"]);
  const headDim = fields.integer(["head_dim"]) ?? hidden / numHeads;
  const perGroup = typeof block.n_heads_in_group === "number" ? block.n_heads_in_group : 1;
  return {
    kind: "attention",
    numHeads,
    numKvHeads: numHeads / perGroup,
    headDim,
    valueHeadDim: headDim,
    window: null,
    chunk: null,
    hasOutputGate: false,
    sharesKeyValue: false,
    isCross: false,
  };
}

function feedForwardOfBlock(hidden: number, block: unknown): FeedForward {
  if (!isObject(block) || block.no_op === true || block.replace_with_linear === true) return { kind: "none" };
  const stated = typeof block.intermediate_size === "number" ? block.intermediate_size : null;
  const share = typeof block.ffn_mult === "number" ? block.ffn_mult : 4;
  return {
    kind: "dense",
    width: stated ?? roundUp(Math.trunc((2 * share * hidden) / 3), widthStep),
    isGated: true,
  };
}

/** The layers of `block_configs`; null where the configuration has none. */
export function blockLayers(fields: ConfigFields, hidden: number): readonly LayerFacts[] | null {
  const blocks = fields.list("block_configs");
  if (blocks === null || blocks.length === 0) return null;
  return blocks.map((block) => {
    const parts = isObject(block) ? block : {};
    return {
      mixer: mixerOfBlock(fields, hidden, parts.attention),
      feedForward: feedForwardOfBlock(hidden, parts.ffn),
    };
  });
}
