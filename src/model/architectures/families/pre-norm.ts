/** @module The layer of the Llama family: x += attention(norm(x)), then x += network(norm(x)). */
import { type AttentionVariant, attention, gatedUnit, projectIntoHidden } from "../builder/layers.ts";
import type { Layer, ProgramBuilder } from "../builder/program-builder.ts";

export function preNormLayer(
  builder: ProgramBuilder,
  layer: Layer,
  variant: AttentionVariant & { readonly fusedGateUp?: boolean } = {},
): void {
  const { hidden, normed } = builder;
  builder.rmsNorm(hidden, "input_layernorm.weight", normed);
  projectIntoHidden(builder, attention(builder, layer, normed, variant), "self_attn.o_proj");

  builder.rmsNorm(hidden, "post_attention_layernorm.weight", normed);
  projectIntoHidden(builder, gatedUnit(builder, normed, variant.fusedGateUp), "mlp.down_proj");
}
