/** @module A Hugging Face `config.json` as model facts, layer by layer. */
import { PagodaError } from "../../core/errors.ts";
import { architectureTraits } from "./architectures.ts";
import { ConfigFields, type ConfigObject, isObject } from "./config-fields.ts";
import type { ArchitectureTraits, FeedForward, LayerFacts, Mixer, ModelDtype, ModelFacts } from "./facts.ts";
import { type LayerKind, layerKinds } from "./layer-kinds.ts";
import { declaredKvDtype, parseQuantization } from "./parse-quantization.ts";
import { visionFacts } from "./vision.ts";

/** Names under which wrappers keep the configuration of their text model. */
const textKeys = ["text_config", "llm_config", "language_config", "thinker_config"];

/** The text model's configuration inside a multimodal one, with the outer fields beneath it. */
function textConfig(config: ConfigObject): ConfigObject {
  for (const key of textKeys) {
    const inner = config[key];
    if (isObject(inner)) return textConfig({ ...config, [key]: undefined, ...inner });
  }
  return config;
}

function dtypeOf(fields: ConfigFields): ModelDtype {
  const text = (fields.text("dtype") ?? fields.text("torch_dtype") ?? "").replace("torch.", "");
  if (text === "float16" || text === "float32" || text === "bfloat16") return text;
  fields.assumed.push("dtype = bfloat16 (not in the configuration)");
  return "bfloat16";
}

/** vLLM's derived length: positions times the factor of scalings that lengthen them (vllm config/model.py). */
function maxPositions(fields: ConfigFields): number {
  const stated = fields.integer([
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "max_sequence_length",
    "model_max_length",
    "n_ctx",
  ]);
  if (stated === null) {
    fields.assumed.push(
      "max_position_embeddings = 2048 (no length key in the configuration; the engines' fallback)",
    );
    return 2048;
  }
  const scaling = fields.object("rope_scaling") ?? fields.object("rope_parameters");
  const kind = String(scaling?.rope_type ?? scaling?.type ?? "default");
  const factor = typeof scaling?.factor === "number" ? scaling.factor : 1;
  if (["default", "su", "longrope", "llama3", "mrope"].includes(kind)) return stated;
  const original = scaling?.original_max_position_embeddings;
  return Math.trunc((kind === "yarn" && typeof original === "number" ? original : stated) * factor);
}

function attention(fields: ConfigFields, hidden: number, kind: LayerKind): Mixer {
  const numHeads = fields.required(["num_attention_heads", "n_head", "n_heads"]);
  const isGlobal = kind === "full";
  const globalHeadDim = isGlobal ? fields.integer(["global_head_dim"]) : null;
  // Qwen2's code divides the hidden size whatever head_dim says.
  const isDivided = /^Qwen2(Moe)?ForCausalLM/.test(String(fields.source.architecture));
  const stated = isDivided ? null : fields.integer(["head_dim", "kv_channels", "attention_head_dim"]);
  const headDim = globalHeadDim ?? stated ?? hidden / numHeads;
  if (!Number.isInteger(headDim))
    throw new PagodaError("model_invalid", `hidden_size ${hidden} does not divide into ${numHeads} heads.`, {
      param: "num_attention_heads",
      hint: 'State "head_dim" in config.json.',
    });
  const isMultiQuery =
    fields.boolean("multi_query") === true && fields.boolean("new_decoder_architecture") !== true;
  const numKvHeads =
    (isGlobal ? fields.integer(["num_global_key_value_heads"]) : null) ??
    fields.integer(["num_key_value_heads", "num_kv_heads", "multi_query_group_num", "n_head_kv"]) ??
    (isMultiQuery ? 1 : numHeads);
  return {
    kind: "attention",
    numHeads,
    numKvHeads,
    headDim,
    valueHeadDim: headDim,
    window: kind === "sliding" ? fields.integer(["sliding_window", "sliding_window_size"]) : null,
    chunk: kind === "chunked" ? (fields.integer(["attention_chunk_size"]) ?? 8192) : null,
    hasOutputGate:
      fields.integer(["linear_num_key_heads"]) !== null && fields.boolean("attn_output_gate") !== false,
    sharesKeyValue: isGlobal && globalHeadDim !== null && fields.boolean("attention_k_eq_v") === true,
    isCross: kind === "cross",
  };
}

function latent(fields: ConfigFields): Mixer {
  const indexHeads = fields.integer(["index_n_heads"]);
  return {
    kind: "latent",
    numHeads: fields.required(["num_attention_heads"]),
    queryRank: fields.integer(["q_lora_rank"]),
    kvRank: fields.required(["kv_lora_rank"]),
    nopeHeadDim: fields.required(["qk_nope_head_dim"]),
    ropeHeadDim: fields.required(["qk_rope_head_dim"]),
    valueHeadDim: fields.required(["v_head_dim"]),
    indexer:
      indexHeads === null ? null : { numHeads: indexHeads, headDim: fields.required(["index_head_dim"]) },
  };
}

function linear(fields: ConfigFields): Mixer {
  return {
    kind: "linear",
    numKeyHeads: fields.required(["linear_num_key_heads"]),
    numValueHeads: fields.required(["linear_num_value_heads"]),
    keyHeadDim: fields.required(["linear_key_head_dim"]),
    valueHeadDim: fields.required(["linear_value_head_dim"]),
    convWidth: fields.required(["linear_conv_kernel_dim"]),
    stateDtype: fields.text("mamba_ssm_dtype") === "float32" ? "float32" : "model",
  };
}

function mamba(fields: ConfigFields): Mixer {
  // Nemotron-H keeps its states in f32 unless it says otherwise (vLLM's NemotronHForCausalLMConfig).
  const isNemotron = /^NemotronH/.test(String(fields.source.architecture));
  const stated = fields.text("mamba_ssm_cache_dtype") ?? fields.text("mamba_ssm_dtype");
  return {
    kind: "mamba2",
    numHeads: fields.required(["mamba_num_heads", "mamba_n_heads", "num_heads"]),
    headDim: fields.required(["mamba_head_dim", "mamba_d_head", "head_dim"]),
    stateWidth: fields.required(["ssm_state_size", "mamba_d_state", "state_size"]),
    numGroups: fields.integer(["n_groups", "mamba_n_groups"]) ?? 1,
    convWidth: fields.integer(["conv_kernel", "mamba_d_conv"]) ?? 4,
    stateDtype: stated === "float32" || (stated === null && isNemotron) ? "float32" : "model",
  };
}

function mixerOf(fields: ConfigFields, hidden: number, kind: LayerKind): Mixer {
  if (kind === "none") return { kind: "none" };
  if (kind === "linear") return linear(fields);
  if (kind === "mamba") return mamba(fields);
  return fields.integer(["kv_lora_rank"]) === null ? attention(fields, hidden, kind) : latent(fields);
}

/** Which layers route their tokens to experts (Hugging Face names of each family). */
function isExpertLayer(fields: ConfigFields, index: number): boolean {
  if (index < (fields.integer(["first_k_dense_replace"], 0) ?? 0)) return false;
  if ((fields.list("mlp_only_layers") ?? []).includes(index)) return false;
  const step = fields.integer(["decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_freq"]) ?? 1;
  return (index + 1) % step === 0;
}

function feedForward(
  fields: ConfigFields,
  traits: ArchitectureTraits,
  index: number,
  hidden: number,
): FeedForward {
  const numExperts = fields.integer([
    "num_experts",
    "n_routed_experts",
    "num_local_experts",
    "moe_num_experts",
  ]);
  const dense = fields.integer(["intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner", "inner_dim"]);
  if (numExperts === null || numExperts === 1 || !isExpertLayer(fields, index)) {
    if (dense === null && numExperts === null)
      fields.assumed.push(`intermediate_size = ${4 * hidden} (four times the hidden size)`);
    return { kind: "dense", width: dense ?? 4 * hidden, isGated: traits.isGated };
  }
  const width = fields.integer(["moe_intermediate_size", "intermediate_size"]);
  if (width === null) fields.assumed.push("moe_intermediate_size = hidden_size (not in the configuration)");
  const numShared = fields.integer(["n_shared_experts", "num_shared_experts"], 0) ?? 0;
  const sharedWidth =
    fields.integer(["shared_expert_intermediate_size", "shared_intermediate_size"], 0) ??
    numShared * (width ?? hidden);
  const isGptOss = fields.source.architecture === "GptOssForCausalLM";
  return {
    kind: "experts",
    numExperts,
    numActive: fields.integer(["num_experts_per_tok", "moe_topk", "moe_top_k"]) ?? 2,
    width: width ?? hidden,
    isGated: traits.isGated,
    sharedWidth,
    hasSharedGate: fields.integer(["shared_expert_intermediate_size"]) !== null,
    hasBias: isGptOss,
    hasRouterBias: isGptOss || /^(DeepseekV3|Kimi|Glm4Moe)/.test(String(fields.source.architecture)),
  };
}

/** Traits after what the configuration itself says about biases and rotation. */
function refinedTraits(fields: ConfigFields, traits: ArchitectureTraits): ArchitectureTraits {
  const attentionBias = fields.boolean("attention_bias") ?? fields.boolean("qkv_bias");
  const isGlm = /^(Chat)?Glm|^ChatGLM/.test(String(fields.source.architecture));
  return {
    ...traits,
    qkvBias: attentionBias ?? traits.qkvBias,
    // `attention_bias` covers the output projection too, but in GLM; `qkv_bias` never does.
    outBias: fields.boolean("attention_bias") === true ? !isGlm : traits.outBias,
    feedForwardBias: fields.boolean("mlp_bias") ?? traits.feedForwardBias,
    rotaryShare: fields.number("partial_rotary_factor") ?? traits.rotaryShare,
  };
}

/** Facts rows give counts where a configuration gives lists; a row's `architecture` is a configuration's first class. */
function architectureName(config: ConfigObject): string {
  const listed = config.architectures;
  const name = Array.isArray(listed) ? listed[0] : config.architecture;
  if (typeof name === "string" && name !== "") return name;
  throw new PagodaError("model_invalid", "The configuration names no architecture.", {
    param: "architectures",
    hint: 'Add "architectures": ["LlamaForCausalLM"] (or the class it is) to config.json.',
  });
}

/**
 * Reads a configuration. Fields that are missing and can be taken from the family are listed in `assumed`.
 * @throws PagodaError `model_invalid` (a field is missing or absurd), `model_unsupported` (an unknown architecture).
 */
export function parseModelConfig(name: string, config: ConfigObject): ModelFacts {
  const { id, traits } = architectureTraits(architectureName(config));
  const fields = new ConfigFields({ ...textConfig(config), architecture: id });
  const refined = refinedTraits(fields, traits);
  const hiddenSize = fields.required(["hidden_size", "n_embd", "d_model"]);
  const numLayers = fields.required(["num_hidden_layers", "n_layer", "num_layers", "n_layers"]);
  if (numLayers > 2000)
    throw new PagodaError("model_invalid", `num_hidden_layers must be at least 1; got ${numLayers}.`, {
      param: "num_hidden_layers",
      hint: "No model has more than 2000 layers.",
    });
  const kinds = layerKinds(fields, numLayers);
  const layers: LayerFacts[] = kinds.map((kind, index) => ({
    mixer: mixerOf(fields, hiddenSize, kind.mixer),
    feedForward: kind.hasFeedForward ? feedForward(fields, refined, index, hiddenSize) : { kind: "none" },
  }));
  const quantization = fields.source.quantization_config ?? fields.source.compression_config;
  const vision = visionFacts(id, config, hiddenSize, fields.assumed);
  const isTied = fields.boolean("tie_word_embeddings");
  if (isTied === null) fields.assumed.push("tie_word_embeddings = false (not in the configuration)");
  return Object.freeze({
    name,
    architecture: id,
    hiddenSize,
    vocabSize: fields.required(["vocab_size", "padded_vocab_size"]),
    isTied: isTied ?? /^Gemma|^Cohere/.test(id),
    maxPositions: maxPositions(fields),
    dtype: dtypeOf(fields),
    layers,
    traits: refined,
    quantization: parseQuantization(quantization),
    vision,
    numDraftLayers: fields.integer(["num_nextn_predict_layers", "mtp_num_hidden_layers"], 0) ?? 0,
    numRotaryTables:
      refined.rotaryShare === 0
        ? 0
        : new Set(
            kinds
              .filter((kind) => kind.mixer === "sliding" || kind.mixer === "full")
              .map((kind) => (/^Gemma[34]/.test(id) ? kind.mixer : "all")),
          ).size,
    declaredKvDtype: declaredKvDtype(quantization),
    assumed: [...new Set(fields.assumed)],
  });
}
