/** @module config.json of a Hugging Face folder → ModelConfig; names of transformers 4 and 5 load alike. */
import { join } from "node:path";
import { readJsonObject } from "../files/json-file.ts";
import { type ArchitectureDefaults, architectureDefaults } from "./architecture-defaults.ts";
import { FieldReader, type LooseFields } from "./field-reader.ts";
import { parseLayers, ropeFields } from "./huggingface-layers.ts";
import {
  type ArchitectureName,
  architectureNames,
  freezeConfig,
  type ModelConfig,
  type ModelShape,
  unknownArchitecture,
} from "./model-config.ts";
import { limits } from "./model-limits.ts";
import { refuseUnimplementedFields } from "./unimplemented-fields.ts";

/** Reads `folder/config.json`. Throws PagodaError `model_invalid` or `model_unsupported`, naming the field. */
export function readHuggingFaceConfig(folder: string): ModelConfig {
  return parseHuggingFaceConfig(readJsonObject(join(folder, "config.json")));
}

/** The same from the parsed file. */
export function parseHuggingFaceConfig(file: LooseFields): ModelConfig {
  const outer = new FieldReader(file, "config.json: ");
  checkHead(outer);
  const architecture = architectureOf(outer);
  const fields = outer.object("text_config") ?? outer;
  refuseUnimplementedFields(outer);
  refuseUnimplementedFields(fields);

  const defaults = architectureDefaults[architecture];
  const shape = parseShape(fields, defaults);
  const { layers, ropes } = parseLayers(fields, architecture, defaults, shape);
  return freezeConfig({
    checkpoint: "huggingface",
    architecture,
    ...shape,
    normEpsilon: fields.number("rms_norm_eps", limits.epsilon, defaults.rms_norm_eps),
    activation: parseActivation(fields, defaults),
    tiedEmbeddings: (fields.has("tie_word_embeddings") ? fields : outer).boolean(
      "tie_word_embeddings",
      defaults.tie_word_embeddings,
    ),
    biases: parseBiases(fields, architecture, defaults),
    ...parseScales(fields, architecture, defaults, shape),
    ropes,
    layers,
  });
}

/** A classifier or an embedding model has the same layers and another head. */
function checkHead(outer: FieldReader): void {
  const classes = outer.raw("architectures");
  if (!Array.isArray(classes) || classes.length === 0) return;
  const generates = classes.some(
    (name) => typeof name === "string" && /For(CausalLM|ConditionalGeneration)$/.test(name),
  );
  if (!generates)
    throw outer.unsupported("architectures", "only models that generate text (…ForCausalLM) can be served");
}

const modelTypes: Readonly<Record<string, ArchitectureName>> = {
  ...(Object.fromEntries(architectureNames.map((name) => [name, name])) as Record<string, ArchitectureName>),
  gemma3_text: "gemma3",
};

function architectureOf(outer: FieldReader): ArchitectureName {
  const modelType = outer.string("model_type");
  const architecture = Object.hasOwn(modelTypes, modelType) ? modelTypes[modelType] : undefined;
  if (architecture === undefined) throw unknownArchitecture(modelType);
  return architecture;
}

function parseShape(fields: FieldReader, defaults: ArchitectureDefaults): ModelShape {
  const hiddenWidth = fields.integer("hidden_size", limits.hiddenWidth, defaults.hidden_size);
  const numHeads = fields.integer("num_attention_heads", limits.numHeads, defaults.num_attention_heads);
  const numKvHeads = fields.integer(
    "num_key_value_heads",
    limits.numHeads,
    defaults.num_key_value_heads ?? numHeads,
  );
  if (numHeads % numKvHeads !== 0)
    throw fields.refuse("num_key_value_heads", `must divide num_attention_heads, which is ${numHeads}`);
  const headDim = fields.integer("head_dim", limits.headDim, defaults.head_dim ?? hiddenWidth / numHeads);
  if (headDim % 2 !== 0) throw fields.refuse("head_dim", `must be even, it comes to ${headDim}`);
  return {
    vocabularyWidth: fields.integer("vocab_size", limits.vocabularyWidth, defaults.vocab_size),
    hiddenWidth,
    intermediateWidth: fields.integer(
      "intermediate_size",
      limits.intermediateWidth,
      defaults.intermediate_size,
    ),
    numLayers: fields.integer("num_hidden_layers", limits.numLayers, defaults.num_hidden_layers),
    numHeads,
    numKvHeads,
    headDim,
    rotaryDim: defaults.readsPartialRotaryFactor ? parseRotaryDim(fields, headDim) : headDim,
    maxPositions: fields.integer(
      "max_position_embeddings",
      limits.positions,
      defaults.max_position_embeddings,
    ),
  };
}

/** `partial_rotary_factor`: a field of its own before transformers 5, in `rope_parameters` since. */
function parseRotaryDim(fields: FieldReader, headDim: number): number {
  const nested = ropeFields(fields);
  const holder = nested.has("partial_rotary_factor") ? nested : fields;
  const share = holder.number("partial_rotary_factor", { min: 0.01, max: 1 }, 1);
  const rotaryDim = Math.trunc(headDim * share);
  if (rotaryDim % 2 !== 0 || rotaryDim === 0)
    throw holder.refuse("partial_rotary_factor", `must leave an even number of a head's ${headDim} columns`);
  return rotaryDim;
}

const activations: Readonly<Record<string, ModelConfig["activation"]>> = {
  silu: "silu",
  swish: "silu",
  gelu_pytorch_tanh: "geluTanh",
  gelu_new: "geluTanh",
};

function parseActivation(fields: FieldReader, defaults: ArchitectureDefaults): ModelConfig["activation"] {
  const name = fields.string(
    defaults.activationField,
    defaults.activationField === "hidden_act" ? "silu" : "gelu_pytorch_tanh",
  );
  const activation = Object.hasOwn(activations, name) ? activations[name] : undefined;
  if (activation === undefined)
    throw fields.unsupported(
      defaults.activationField,
      `known activations are ${Object.keys(activations).join(", ")}`,
    );
  return activation;
}

function parseBiases(
  fields: FieldReader,
  architecture: ArchitectureName,
  defaults: ArchitectureDefaults,
): ModelConfig["biases"] {
  if (architecture === "qwen2") return { qkv: true, attentionOutput: false, mlp: false };
  const has = (name: "attention_bias" | "mlp_bias"): boolean =>
    defaults.biasFields.includes(name) && fields.boolean(name, false);
  const attention = has("attention_bias");
  return { qkv: attention, attentionOutput: attention, mlp: has("mlp_bias") };
}

type Scales = Pick<
  ModelConfig,
  "embeddingScale" | "residualScale" | "attentionScale" | "logitScale" | "attentionSoftcap" | "finalSoftcap"
>;

function parseScales(
  fields: FieldReader,
  architecture: ArchitectureName,
  defaults: ArchitectureDefaults,
  shape: ModelShape,
): Scales {
  const plain: Scales = {
    embeddingScale: 1,
    residualScale: 1,
    attentionScale: 1 / Math.sqrt(shape.headDim),
    logitScale: 1,
    attentionSoftcap: null,
    finalSoftcap: null,
  };
  if (architecture === "granite")
    return {
      ...plain,
      embeddingScale: fields.number("embedding_multiplier", limits.scale, 1),
      residualScale: fields.number("residual_multiplier", limits.scale, 1),
      attentionScale: fields.number("attention_multiplier", limits.scale, 1),
      logitScale: 1 / fields.number("logits_scaling", limits.scale, 1),
    };
  if (architecture !== "gemma2" && architecture !== "gemma3") return plain;
  return {
    ...plain,
    embeddingScale: Math.sqrt(shape.hiddenWidth),
    attentionScale: 1 / Math.sqrt(fields.number("query_pre_attn_scalar", limits.scale, 256)),
    // Gemma 3's class has the field too, and its attention does not read it.
    attentionSoftcap:
      architecture === "gemma2"
        ? parseSoftcap(fields, "attn_logit_softcapping", defaults.attn_logit_softcapping)
        : null,
    finalSoftcap: parseSoftcap(fields, "final_logit_softcapping", defaults.final_logit_softcapping),
  };
}

/** An explicit null switches a softcap off; an absent field means the class's default. */
function parseSoftcap(
  fields: FieldReader,
  name: "attn_logit_softcapping" | "final_logit_softcapping",
  byDefault: number | null,
): number | null {
  if (fields.has(name)) return fields.number(name, limits.scale);
  return fields.names.includes(name) ? null : byDefault;
}
