/** @module Fields that would change the arithmetic and that Pagoda does not implement: refused by name, never ignored. */
import type { FieldReader } from "./field-reader.ts";

interface UnimplementedField {
  readonly name: string;
  /** Values with which the field changes nothing. */
  readonly harmless: (value: unknown) => boolean;
  readonly why: string;
}

const isOff = (value: unknown): boolean => value === false || value === 0;
const isOffOrEmpty = (value: unknown): boolean =>
  isOff(value) || (Array.isArray(value) && value.length === 0);
const isOffOrOne = (value: unknown): boolean => isOff(value) || value === 1;
const never = (): boolean => false;

const experts = "mixture-of-experts layers are not implemented";
const latentAttention = "multi-head latent attention is not implemented";
const sinks = "attention sinks are not implemented";

const unimplementedFields: readonly UnimplementedField[] = [
  { name: "num_experts", harmless: isOffOrOne, why: experts },
  { name: "num_local_experts", harmless: isOffOrOne, why: experts },
  { name: "n_routed_experts", harmless: isOffOrOne, why: experts },
  { name: "n_shared_experts", harmless: isOff, why: experts },
  { name: "num_shared_experts", harmless: isOff, why: experts },
  { name: "num_experts_per_tok", harmless: isOffOrOne, why: experts },
  { name: "moe_intermediate_size", harmless: isOff, why: experts },
  { name: "shared_expert_intermediate_size", harmless: isOff, why: experts },
  { name: "mlp_only_layers", harmless: isOffOrEmpty, why: experts },
  { name: "decoder_sparse_step", harmless: isOffOrOne, why: experts },
  { name: "enable_moe_block", harmless: isOff, why: experts },
  { name: "kv_lora_rank", harmless: isOff, why: latentAttention },
  { name: "q_lora_rank", harmless: isOff, why: latentAttention },
  { name: "attention_sinks", harmless: isOff, why: sinks },
  { name: "use_attention_sinks", harmless: isOff, why: sinks },
  { name: "attention_sink_size", harmless: isOff, why: sinks },
  { name: "num_attention_sinks", harmless: isOff, why: sinks },
  { name: "sinks", harmless: isOffOrEmpty, why: sinks },
  { name: "use_bidirectional_attention", harmless: isOff, why: "only causal attention is implemented" },
  { name: "is_encoder_decoder", harmless: isOff, why: "only decoders are implemented" },
  { name: "is_causal", harmless: (value) => value === true, why: "only causal attention is implemented" },
  { name: "attention_chunk_size", harmless: isOff, why: "chunked attention is not implemented" },
  { name: "no_rope_layers", harmless: isOffOrEmpty, why: "layers without positions are not implemented" },
  { name: "no_rope_layer_interval", harmless: isOff, why: "layers without positions are not implemented" },
  { name: "attn_output_gate", harmless: isOff, why: "gated attention is not implemented" },
  { name: "attn_temperature_tuning", harmless: isOff, why: "attention temperature is not implemented" },
  { name: "rope_interleave", harmless: isOff, why: "interleaved rotary embedding is not implemented" },
  { name: "alibi", harmless: isOff, why: "ALiBi positions are not implemented" },
  { name: "parallel_attn", harmless: isOff, why: "parallel attention is not implemented" },
  { name: "use_parallel_residual", harmless: isOff, why: "parallel residuals are not implemented" },
  { name: "clip_qkv", harmless: isOff, why: "clipping of q, k and v is not implemented" },
  { name: "altup_num_inputs", harmless: isOffOrOne, why: "alternating updates are not implemented" },
  { name: "hidden_size_per_layer_input", harmless: isOff, why: "per-layer embeddings are not implemented" },
  { name: "num_kv_shared_layers", harmless: isOff, why: "layers that share their KV are not implemented" },
  {
    name: "quantization_config",
    harmless: never,
    why: "only plain 16- and 32-bit weights are read from folders",
  },
  {
    name: "compression_config",
    harmless: never,
    why: "only plain 16- and 32-bit weights are read from folders",
  },
];

/** Throws PagodaError `model_unsupported` naming the first field that asks for something Pagoda does not do. */
export function refuseUnimplementedFields(fields: FieldReader): void {
  for (const { name, harmless, why } of unimplementedFields)
    if (fields.has(name) && !harmless(fields.raw(name))) throw fields.unsupported(name, why);
}
