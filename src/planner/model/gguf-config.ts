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
];

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
  for (const [key, name] of fields) {
    const value = metadata.get(`${architecture}.${key}`);
    if (typeof value === "number" || typeof value === "bigint") config[name] = Number(value);
  }
  const tokens = metadata.get("tokenizer.ggml.tokens");
  if (config.vocab_size === undefined && Array.isArray(tokens)) config.vocab_size = tokens.length;
  const isQuantized = !["F32", "F16", "BF16"].includes(mainType);
  return isQuantized ? { ...config, quantization_config: { quant_method: "gguf", type: mainType } } : config;
}
