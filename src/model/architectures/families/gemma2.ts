/**
 * @module Gemma 2: every half-layer is normed before and after, windowed and full layers alternate, attention scores and
 * logits are softly capped, the embedding is scaled by √hidden.
 *
 *   x += postNorm(attention(norm(x)));  x += postNorm(network(norm(x)))
 */
import { type AttentionVariant, attention, gatedUnit, projectNormIntoHidden } from "../builder/layers.ts";
import type { Layer, ProgramBuilder } from "../builder/program-builder.ts";

export function gemma2Layer(builder: ProgramBuilder, layer: Layer, variant: AttentionVariant = {}): void {
  const { hidden, normed } = builder;
  builder.rmsNorm(hidden, "input_layernorm.weight", normed);
  const heads = attention(builder, layer, normed, variant);
  projectNormIntoHidden(builder, heads, "self_attn.o_proj", "post_attention_layernorm.weight");

  builder.rmsNorm(hidden, "pre_feedforward_layernorm.weight", normed);
  const gated = gatedUnit(builder, normed);
  projectNormIntoHidden(builder, gated, "mlp.down_proj", "post_feedforward_layernorm.weight");
}
