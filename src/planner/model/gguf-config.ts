/** @module GGUF metadata in the words of config.json, so that one reader serves both. Keys: ggml docs/gguf.md. */
import { PagodaError } from "../../core/errors.ts";
import { nearest } from "../words/nearest.ts";
import type { ConfigObject } from "./config-fields.ts";

const classes: Readonly<Record<string, string>> = {
  llama: "LlamaForCausalLM",
  mistral3: "Ministral3ForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen2moe: "Qwen2MoeForCausalLM",
  qwen3: "Qwen3ForCausalLM",
  qwen3moe: "Qwen3MoeForCausalLM",
  gemma: "GemmaForCausalLM",
  gemma2: "Gemma2ForCausalLM",
  gemma3: "Gemma3ForCausalLM",
  phi2: "PhiForCausalLM",
  phi3: "Phi3ForCausalLM",
  granite: "GraniteForCausalLM",
  olmo2: "Olmo2ForCausalLM",
  deepseek2: "DeepseekV3ForCausalLM",
  "gpt-oss": "GptOssForCausalLM",
  internlm2: "InternLM2ForCausalLM",
  smollm3: "SmolLM3ForCausalLM",
  glm4: "Glm4ForCausalLM",
  starcoder2: "Starcoder2ForCausalLM",
  falcon: "FalconForCausalLM",
  llama4: "Llama4ForCausalLM",
  gemma4: "Gemma4ForCausalLM",
  qwen2vl: "Qwen2VLForConditionalGeneration",
  qwen3next: "Qwen3NextForCausalLM",
  qwen3vl: "Qwen3ForCausalLM",
  qwen3vlmoe: "Qwen3MoeForCausalLM",
  qwen35: "Qwen3_5ForCausalLM",
  qwen35moe: "Qwen3_5MoeForCausalLM",
  glm4moe: "Glm4MoeForCausalLM",
  granitemoe: "GraniteMoeForCausalLM",
  "minimax-m2": "MiniMaxM2ForCausalLM",
  mimo2: "MiMoV2FlashForCausalLM",
  step35: "Step3p5ForCausalLM",
  seed_oss: "SeedOssForCausalLM",
  exaone4: "Exaone4ForCausalLM",
  "command-r": "CohereForCausalLM",
  cohere2: "Cohere2ForCausalLM",
  olmoe: "OlmoeForCausalLM",
  stablelm: "StableLmForCausalLM",
  nemotron: "NemotronForCausalLM",
  phimoe: "PhiMoEForCausalLM",
};

const fields: readonly (readonly [string, string])[] = [
  ["block_count", "num_hidden_layers"],
  ["embedding_length", "hidden_size"],
  ["feed_forward_length", "intermediate_size"],
  ["attention.head_count", "num_attention_heads"],
  ["attention.head_count_kv", "num_key_value_heads"],
  ["attention.key_length", "head_dim"],
  ["attention.sliding_window", "sliding_window"],
  ["context_length", "max_position_embeddings"],
  ["vocab_size", "vocab_size"],
  ["expert_count", "num_experts"],
  ["expert_used_count", "num_experts_per_tok"],
  ["expert_feed_forward_length", "moe_intermediate_size"],
  ["expert_shared_count", "n_shared_experts"],
  ["expert_shared_feed_forward_length", "shared_expert_intermediate_size"],
  ["leading_dense_block_count", "first_k_dense_replace"],
  ["attention.value_length", "v_head_dim"],
  ["attention.q_lora_rank", "q_lora_rank"],
  ["attention.shared_kv_layers", "num_kv_shared_layers"],
  ["embedding_length_per_layer_input", "hidden_size_per_layer_input"],
  ["full_attention_interval", "full_attention_interval"],
  ["nextn_predict_layers", "num_nextn_predict_layers"],
];

type Metadata = (key: string) => unknown;

function numberOf(value: unknown): number | null {
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  return null;
}

/** A list of numbers or of truths, in any of the forms in which a reader hands it over; null for anything else. */
function listOf(value: unknown): readonly number[] | null {
  if (typeof value !== "object" || value === null || !(Symbol.iterator in value)) return null;
  const items = [...(value as Iterable<unknown>)].map((item) =>
    item === true ? 1 : item === false ? 0 : numberOf(item),
  );
  return items.every((item) => item !== null) ? items : null;
}

/** A number of all layers, or the largest of a list that has one for each. */
function scalarOf(value: unknown): number | null {
  const list = listOf(value);
  return list === null ? numberOf(value) : Math.max(...list);
}

/** Latent attention, where the file stores its absorbed halves; older files cache every head. */
function latentFields(get: Metadata): Record<string, number> {
  const rank = numberOf(get("attention.kv_lora_rank"));
  const keyWidth = numberOf(get("attention.key_length_mla"));
  if (rank === null) return {};
  const rope = numberOf(get("rope.dimension_count")) ?? 64;
  if (keyWidth === null) {
    const numHeads = numberOf(get("attention.head_count"));
    return numHeads === null ? {} : { num_key_value_heads: numHeads };
  }
  return {
    kv_lora_rank: rank,
    qk_rope_head_dim: rope,
    qk_nope_head_dim: keyWidth - rope,
    v_head_dim: numberOf(get("attention.value_length_mla")) ?? keyWidth - rope,
  };
}

/** The states of a gated delta net. */
function stateFields(get: Metadata): Record<string, number | string> {
  const [inner, heads] = [numberOf(get("ssm.inner_size")), numberOf(get("ssm.time_step_rank"))];
  if (inner === null || heads === null) return {};
  return {
    linear_num_key_heads: numberOf(get("ssm.group_count")) ?? heads,
    linear_num_value_heads: heads,
    linear_key_head_dim: numberOf(get("ssm.state_size")) ?? inner / heads,
    linear_value_head_dim: inner / heads,
    linear_conv_kernel_dim: numberOf(get("ssm.conv_kernel")) ?? 4,
    mamba_ssm_dtype: "float32",
    full_attention_interval: 4,
  };
}

/** Which layers see a window, and how wide their heads are where that differs (Gemma 4). */
function windowFields(get: Metadata): Record<string, unknown> {
  const flags = listOf(get("attention.sliding_window_pattern"));
  const period = numberOf(get("attention.sliding_window_pattern"));
  const ownWidth = numberOf(get("attention.key_length_swa"));
  const perLayer = listOf(get("attention.head_count_kv"));
  const whole = flags === null || perLayer === null ? null : perLayer[flags.indexOf(0)];
  const windowed = flags === null || perLayer === null ? null : perLayer[flags.indexOf(1)];
  return {
    ...(flags === null
      ? {}
      : { layer_types: flags.map((flag) => (flag === 1 ? "sliding_attention" : "full_attention")) }),
    ...(period === null ? {} : { sliding_window_pattern: period }),
    ...(ownWidth === null
      ? {}
      : { head_dim: ownWidth, v_head_dim: ownWidth, global_head_dim: numberOf(get("attention.key_length")) }),
    ...(whole === null || whole === undefined ? {} : { num_global_key_value_heads: whole }),
    ...(windowed === null || windowed === undefined ? {} : { num_key_value_heads: windowed }),
  };
}

/** True for an architecture of GGUF files that the planner knows. */
export function isKnownGguf(architecture: string): boolean {
  return Object.hasOwn(classes, architecture);
}

/**
 * A configuration out of a GGUF header.
 * @param mainType the tensor type that holds most bytes, such as `Q4_K`.
 * @param hasHead whether the file stores an output matrix of its own.
 */
export function configOfGguf(
  metadata: ReadonlyMap<string, unknown>,
  mainType: string,
  hasHead: boolean,
): ConfigObject {
  const architecture = String(metadata.get("general.architecture"));
  const className = classes[architecture];
  if (className === undefined)
    throw new PagodaError(
      "model_unsupported",
      `The GGUF architecture "${architecture}" is not known to the planner.`,
      {
        param: "general.architecture",
        hint: `The nearest known one is ${nearest(architecture, Object.keys(classes))}.`,
      },
    );
  const config: Record<string, unknown> = {
    architectures: [className],
    tie_word_embeddings: !hasHead,
    dtype: "float16",
  };
  const get: Metadata = (key) => metadata.get(`${architecture}.${key}`);
  Object.assign(config, stateFields(get));
  for (const [key, name] of fields) {
    const value = scalarOf(get(key));
    if (value !== null) config[name] = value;
  }
  Object.assign(config, latentFields(get), windowFields(get));
  const numDraft = numberOf(config.num_nextn_predict_layers) ?? 0;
  const numLayers = numberOf(config.num_hidden_layers);
  // The count includes the layers that only draft.
  if (numLayers !== null) config.num_hidden_layers = numLayers - numDraft;
  const tokens = metadata.get("tokenizer.ggml.tokens");
  if (config.vocab_size === undefined && Array.isArray(tokens)) config.vocab_size = tokens.length;
  const isQuantized = !["F32", "F16", "BF16"].includes(mainType);
  return isQuantized ? { ...config, quantization_config: { quant_method: "gguf", type: mainType } } : config;
}
