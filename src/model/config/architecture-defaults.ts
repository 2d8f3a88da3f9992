/**
 * @module What Hugging Face's configuration classes assume where config.json leaves a field out (transformers 5.19,
 * configuration_<architecture>.py), and what is fixed by the architecture itself.
 */
import type { ArchitectureName } from "./model-config.ts";

export interface ArchitectureDefaults {
  /** undefined: the field is required. */
  readonly vocab_size?: number;
  readonly hidden_size?: number;
  readonly intermediate_size?: number;
  readonly num_hidden_layers?: number;
  readonly num_attention_heads?: number;
  /** null: as many as heads. */
  readonly num_key_value_heads: number | null;
  /** null: hidden_size ÷ num_attention_heads. */
  readonly head_dim: number | null;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  readonly tie_word_embeddings: boolean;
  readonly sliding_window: number | null;
  /** The field that names the activation. */
  readonly activationField: "hidden_act" | "hidden_activation";
  /** Layers that see only a window where `layer_types` does not say: none, all, or all but every n-th. */
  readonly windowedLayers:
    | "none"
    | "all"
    | "fromMaxWindowLayers"
    /** n is `sliding_window_pattern` where the class reads that. */
    | { readonly allButEvery: number; readonly readsPattern: boolean };
  readonly attn_logit_softcapping: number | null;
  readonly final_logit_softcapping: number | null;
  readonly rope_theta: number;
  /** null: the class has no such field. */
  readonly original_max_position_embeddings: number | null;
  /** Whether the class turns only a part of a head's columns; another one ignores the field. */
  readonly readsPartialRotaryFactor: boolean;
  /** The bias fields that the class has; another class that finds one among its fields ignores it. */
  readonly biasFields: readonly ("attention_bias" | "mlp_bias")[];
}

const llamaLike: ArchitectureDefaults = {
  num_key_value_heads: null,
  head_dim: null,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
  sliding_window: null,
  activationField: "hidden_act",
  windowedLayers: "none",
  attn_logit_softcapping: null,
  final_logit_softcapping: null,
  rope_theta: 10_000,
  original_max_position_embeddings: null,
  readsPartialRotaryFactor: false,
  biasFields: [],
};

const qwenLike: ArchitectureDefaults = {
  ...llamaLike,
  num_key_value_heads: 32,
  max_position_embeddings: 32_768,
  sliding_window: 4096,
  windowedLayers: "fromMaxWindowLayers",
};

const gemmaLike: ArchitectureDefaults = {
  ...llamaLike,
  num_key_value_heads: 4,
  head_dim: 256,
  tie_word_embeddings: true,
  sliding_window: 4096,
  activationField: "hidden_activation",
  biasFields: ["attention_bias"],
};

export const architectureDefaults: Readonly<Record<ArchitectureName, ArchitectureDefaults>> = {
  llama: { ...llamaLike, biasFields: ["attention_bias", "mlp_bias"] },
  mistral: {
    ...llamaLike,
    num_key_value_heads: 8,
    max_position_embeddings: 131_072,
    sliding_window: 4096,
    windowedLayers: "all",
  },
  qwen2: qwenLike,
  qwen3: { ...qwenLike, head_dim: 128, biasFields: ["attention_bias"] },
  phi3: {
    ...llamaLike,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    windowedLayers: "all",
    original_max_position_embeddings: 4096,
    readsPartialRotaryFactor: true,
  },
  gemma2: {
    ...gemmaLike,
    max_position_embeddings: 8192,
    windowedLayers: { allButEvery: 2, readsPattern: false },
    attn_logit_softcapping: 50,
    final_logit_softcapping: 30,
  },
  // The nested text_config of a multimodal Gemma 3 leaves out the fields that equal these.
  gemma3: {
    ...gemmaLike,
    vocab_size: 262_208,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    max_position_embeddings: 131_072,
    windowedLayers: { allButEvery: 6, readsPattern: true },
    rope_theta: 1_000_000,
  },
  granite: { ...llamaLike, biasFields: ["attention_bias", "mlp_bias"] },
  olmo2: { ...llamaLike, rms_norm_eps: 1e-5, biasFields: ["attention_bias"] },
};

/** Base of the rotary embedding in Gemma 3's windowed layers where the config does not say. */
export const gemma3LocalTheta = 10_000;
