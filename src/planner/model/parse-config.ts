/** @module A Hugging Face `config.json` as model facts, layer by layer. */
import { PagodaError } from "../../core/errors.ts";
import { architectureId, architectureTraits, commonTraits, unknownArchitecture } from "./architectures.ts";
import { blockLayers } from "./block-configs.ts";
import { ConfigFields, type ConfigObject, isObject } from "./config-fields.ts";
import type { ArchitectureTraits, FeedForward, LayerFacts, ModelDtype, ModelFacts } from "./facts.ts";
import { type LayerOutline, layerCount, layerKinds } from "./layer-kinds.ts";
import { borrowsCache, mixerOf } from "./mixers.ts";
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

/** Which layers route their tokens to experts (Hugging Face names of each family). */
function isExpertLayer(fields: ConfigFields, index: number): boolean {
  const types = fields.list("mlp_layer_types");
  if (types !== null && index < types.length) return types[index] === "sparse";
  const listed = fields.list("moe_layer_freq");
  if (listed !== null && index < listed.length) return listed[index] === 1;
  const named = fields.list("moe_layers_enum");
  if (named !== null) return named.includes(index) || named.includes(String(index));
  if (index < (fields.integer(["first_k_dense_replace"], 0) ?? 0)) return false;
  if ((fields.list("mlp_only_layers") ?? []).includes(index)) return false;
  const step =
    fields.count("decoder_sparse_step") ??
    fields.count("interleave_moe_layer_step") ??
    fields.count("moe_layer_freq") ??
    1;
  return (index + 1) % step === 0;
}

/** Width of the experts that every token passes, all together; 0: there are none. */
function sharedWidthOf(fields: ConfigFields, width: number): number {
  const numShared = fields.integer(["n_shared_experts", "num_shared_experts"], 0) ?? 0;
  const stated = fields.integer([
    "shared_expert_intermediate_size",
    "shared_intermediate_size",
    "moe_shared_expert_intermediate_size",
    "share_expert_dim",
  ]);
  return stated ?? numShared * width;
}

const denseNames = ["intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner", "inner_dim"];

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
  const architecture = String(fields.source.architecture);
  const isGemma4 = /^Gemma4/.test(architecture);
  const dense = fields.integer(["dense_intermediate_size", ...denseNames]);
  if (numExperts === null || numExperts === 1 || !isExpertLayer(fields, index)) {
    if (dense === null && numExperts === null)
      fields.assumed.push(`intermediate_size = ${4 * hidden} (four times the hidden size)`);
    const doubled = isGemma4 && fields.boolean("use_double_wide_mlp") === true && borrowsCache(fields, index);
    return { kind: "dense", width: (dense ?? 4 * hidden) * (doubled ? 2 : 1), isGated: traits.isGated };
  }
  const width = fields.integer(["moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size"]);
  if (width === null) fields.assumed.push("moe_intermediate_size = hidden_size (not in the configuration)");
  const isGptOss = architecture === "GptOssForCausalLM";
  const innerSize = fields.integer(["moe_latent_size", "routed_expert_hidden_size"]);
  return {
    kind: "experts",
    numExperts,
    numActive:
      fields.integer([
        "num_experts_per_tok",
        "num_experts_per_token",
        "top_k_experts",
        "moe_topk",
        "moe_top_k",
      ]) ?? 2,
    width: width ?? hidden,
    isGated: traits.isGated,
    sharedWidth: sharedWidthOf(fields, width ?? hidden),
    hasSharedGate: fields.integer(["shared_expert_intermediate_size"]) !== null,
    hasBias: isGptOss,
    hasRouterBias: isGptOss || /^(DeepseekV[34]|Kimi|Glm|MiMoV2|NemotronH|MiniMaxM|Step3)/.test(architecture),
    ...(innerSize === null || innerSize === hidden ? {} : { innerSize }),
    ...(isGemma4 && dense !== null ? { denseWidth: dense } : {}),
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

export interface ParseOptions {
  /** The checkpoint's hf_quant_config.json; what config.json itself says of quantization wins. */
  readonly quantConfig?: ConfigObject | null;
  /** An architecture that is not known is taken for plain layers of the stated sizes, and the facts say so. */
  readonly assumesFields?: boolean;
}

/** What the checkpoint says of its quantization, in config.json or beside it. */
function quantizationOf(fields: ConfigFields, quantConfig: ConfigObject | null): unknown {
  const own = fields.source.quantization_config ?? fields.source.compression_config;
  if (!isObject(own)) return quantConfig === null ? own : { quant_method: "modelopt", ...quantConfig };
  return fields.source.expert_dtype === undefined
    ? own
    : { ...own, expert_dtype: fields.source.expert_dtype };
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

/** Layer by layer, as the configuration outlines them. */
function layersOf(
  fields: ConfigFields,
  traits: ArchitectureTraits,
  hidden: number,
  kinds: readonly LayerOutline[],
): readonly LayerFacts[] {
  if (fields.list("compress_ratios") !== null)
    fields.assumed.push(
      "the windows and compressor states of a request (a few MiB) are not in the KV figures",
    );
  return (
    blockLayers(fields, hidden) ??
    kinds.map((kind, index) => ({
      mixer: mixerOf(fields, hidden, kind.mixer, index),
      feedForward: kind.hasFeedForward ? feedForward(fields, traits, index, hidden) : { kind: "none" },
    }))
  );
}

/** The tables of embeddings that layers read beside the hidden state (Gemma 4's small models). */
function perLayerEmbedding(fields: ConfigFields): Pick<ModelFacts, "perLayerEmbedding"> {
  const width = fields.integer(["hidden_size_per_layer_input"]);
  if (width === null) return {};
  const vocabSize = fields.integer(["vocab_size_per_layer_input"]) ?? fields.required(["vocab_size"]);
  return { perLayerEmbedding: { width, vocabSize } };
}

/**
 * Reads a configuration. Fields that are missing and can be taken from the family are listed in `assumed`.
 * @throws PagodaError `model_invalid` (a field is missing or absurd), `model_unsupported` (an unknown architecture).
 */
export function parseModelConfig(
  name: string,
  config: ConfigObject,
  { quantConfig = null, assumesFields = false }: ParseOptions = {},
): ModelFacts {
  const stated = architectureName(config);
  const id = architectureId(stated);
  const known = architectureTraits(id);
  if (known === null && !assumesFields) throw unknownArchitecture(stated);
  const traits = known ?? commonTraits;
  const fields = new ConfigFields({ ...textConfig(config), architecture: id });
  if (known === null)
    fields.assumed.push(`estimated from fields alone: the architecture ${stated} is not known`);
  const refined = refinedTraits(fields, traits);
  const hiddenSize = fields.required(["hidden_size", "n_embd", "d_model"]);
  const numLayers = layerCount(fields);
  if (numLayers > 2000)
    throw new PagodaError("model_invalid", `num_hidden_layers must be at least 1; got ${numLayers}.`, {
      param: "num_hidden_layers",
      hint: "No model has more than 2000 layers.",
    });
  const kinds = layerKinds(fields, numLayers);
  const layers = layersOf(fields, refined, hiddenSize, kinds);
  const quantization = quantizationOf(fields, quantConfig);
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
              .map((kind) => (/^(?:Gemma[34]|MiMoV2|Step3)/.test(id) ? kind.mixer : "all")),
          ).size,
    declaredKvDtype: declaredKvDtype(quantization),
    ...(known === null ? { isFromFieldsAlone: true as const } : {}),
    ...perLayerEmbedding(fields),
    assumed: [...new Set(fields.assumed)],
  });
}
