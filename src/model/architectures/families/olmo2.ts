/**
 * @module OLMo 2: norms after each half-layer and none before; q and k are normed over all their heads at once.
 *
 *   x += norm(attention(x));  x += norm(network(x))
 */
import { attention, gatedUnit, projectNormIntoHidden } from "../builder/layers.ts";
import type { Layer, ProgramBuilder } from "../builder/program-builder.ts";

export function olmo2Layer(builder: ProgramBuilder, layer: Layer): void {
  const heads = attention(builder, layer, builder.hidden, { queryKeyNorm: "fullWidth" });
  projectNormIntoHidden(builder, heads, "self_attn.o_proj", "post_attention_layernorm.weight");

  const gated = gatedUnit(builder, builder.hidden);
  projectNormIntoHidden(builder, gated, "mlp.down_proj", "post_feedforward_layernorm.weight");
}
