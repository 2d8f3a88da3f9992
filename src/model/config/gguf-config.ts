/** @module GGUF metadata → ModelConfig. Key names: github.com/ggml-org/ggml, docs/gguf.md. */
import type { TensorDirectory } from "../weights/tensor-directory.ts";
import { FieldReader, type LooseFields } from "./field-reader.ts";
import { parseGgufRopes } from "./gguf-rope.ts";
import {
  type ArchitectureName,
  architectureNames,
  freezeConfig,
  type LayerConfig,
  type ModelConfig,
  type ModelShape,
  unknownArchitecture,
} from "./model-config.ts";
import { limits } from "./model-limits.ts";

/**
 * The config of a GGUF file. What the format does not say is read off its tensors: whether there are biases, whether the
 * head is the embedding, how wide the vocabulary is. Throws PagodaError `model_invalid` or `model_unsupported`.
 */
export function parseGgufConfig(
  metadata: ReadonlyMap<string, unknown>,
  tensors: TensorDirectory,
): ModelConfig {
  const architecture = architectureOf(metadata);
  const fields = fieldsOf(metadata, architecture);
  refuseUnimplementedKeys(fields);
  const shape = parseShape(fields, tensors);
  const hasBias = (key: string): boolean => tensors.has(`blk.0.${key}.bias`);
  return freezeConfig({
    checkpoint: "gguf",
    architecture,
    ...shape,
    normEpsilon: fields.number("attention.layer_norm_rms_epsilon", limits.epsilon),
    activation: architecture === "gemma2" || architecture === "gemma3" ? "geluTanh" : "silu",
    tiedEmbeddings: !tensors.has("output.weight"),
    biases: {
      qkv: hasBias("attn_q") || hasBias("attn_qkv"),
      attentionOutput: hasBias("attn_output"),
      mlp: hasBias("ffn_up"),
    },
    ...parseScales(fields, architecture, shape),
    ropes: parseGgufRopes(fields, architecture, shape, tensors),
    layers: parseLayers(fields, architecture, shape.numLayers),
  });
}

function architectureOf(metadata: ReadonlyMap<string, unknown>): ArchitectureName {
  const general = new FieldReader({ "general.architecture": metadata.get("general.architecture") }, "");
  const name = general.string("general.architecture");
  const architecture = architectureNames.find((known) => known === name);
  if (architecture === undefined) throw unknownArchitecture(name);
  return architecture;
}

/** The keys under `<architecture>.`, without it. */
function fieldsOf(metadata: ReadonlyMap<string, unknown>, architecture: ArchitectureName): FieldReader {
  const prefix = `${architecture}.`;
  const own = [...metadata].filter(([key]) => key.startsWith(prefix));
  const fields: LooseFields = Object.fromEntries(
    own.map(([key, value]) => [key.slice(prefix.length), value]),
  );
  return new FieldReader(fields, prefix);
}

const unimplementedKeys: readonly (readonly [key: string, why: string])[] = [
  ["expert_count", "mixture-of-experts layers are not implemented"],
  ["expert_used_count", "mixture-of-experts layers are not implemented"],
  ["attention.clamp_kqv", "clipping of q, k and v is not implemented"],
  ["attention.temperature_scale", "attention temperature is not implemented"],
  ["attention.output_scale", "scaled attention outputs are not implemented"],
  ["attention.value_scale", "scaled values are not implemented"],
  ["rope.dimension_sections", "multi-axis rotary embedding is not implemented"],
  ["rope.scaling.alpha", "NTK-alpha rotary scaling is not implemented"],
  ["rope.scaling.yarn_log_multiplier", "this YaRN variant is not implemented"],
  ["pooling_type", "only models that generate text can be served"],
];

function refuseUnimplementedKeys(fields: FieldReader): void {
  for (const [key, why] of unimplementedKeys)
    if (fields.has(key) && fields.raw(key) !== 0) throw fields.unsupported(key, why);
  if (!fields.boolean("attention.causal", true))
    throw fields.unsupported("attention.causal", "only causal attention is implemented");
}

function parseShape(fields: FieldReader, tensors: TensorDirectory): ModelShape {
  const hiddenWidth = fields.integer("embedding_length", limits.hiddenWidth);
  const numHeads = fields.integer("attention.head_count", limits.numHeads);
  const numKvHeads = fields.integer("attention.head_count_kv", limits.numHeads, numHeads);
  if (numHeads % numKvHeads !== 0)
    throw fields.refuse("attention.head_count_kv", `must divide the ${numHeads} heads`);
  const headDim = fields.integer("attention.key_length", limits.headDim, hiddenWidth / numHeads);
  if (headDim % 2 !== 0) throw fields.refuse("attention.key_length", `must be even, it comes to ${headDim}`);
  if (fields.integer("attention.value_length", limits.headDim, headDim) !== headDim)
    throw fields.unsupported("attention.value_length", `values as wide as keys (${headDim}) are implemented`);
  const rotaryDim = fields.integer("rope.dimension_count", { min: 2, max: headDim }, headDim);
  if (rotaryDim % 2 !== 0) throw fields.refuse("rope.dimension_count", "must be even");
  return {
    // The embedding may be padded beyond the tokenizer's list, so its own height decides.
    vocabularyWidth:
      tensors.get("token_embd.weight")?.shape[0] ?? fields.integer("vocab_size", limits.vocabularyWidth),
    hiddenWidth,
    intermediateWidth: fields.integer("feed_forward_length", limits.intermediateWidth),
    numLayers: fields.integer("block_count", limits.numLayers),
    numHeads,
    numKvHeads,
    headDim,
    rotaryDim,
    maxPositions: fields.integer("context_length", limits.positions),
  };
}

type Scales = Pick<
  ModelConfig,
  "embeddingScale" | "residualScale" | "attentionScale" | "logitScale" | "attentionSoftcap" | "finalSoftcap"
>;

/** Number of layers of the 27B models, whose query scale the format does not carry: √(hidden/heads), not √headDim. */
const gemma27bLayers: Partial<Record<ArchitectureName, number>> = { gemma2: 46, gemma3: 62 };

function parseScales(fields: FieldReader, architecture: ArchitectureName, shape: ModelShape): Scales {
  const isGemma = architecture === "gemma2" || architecture === "gemma3";
  const queryWidth =
    gemma27bLayers[architecture] === shape.numLayers ? shape.hiddenWidth / shape.numHeads : shape.headDim;
  const softcap = (key: string, byDefault: number | null): number | null => {
    const cap = fields.number(key, { min: 0, max: limits.scale.max }, byDefault ?? 0);
    return cap === 0 ? null : cap;
  };
  return {
    embeddingScale: fields.number(
      "embedding_scale",
      limits.scale,
      isGemma ? Math.sqrt(shape.hiddenWidth) : 1,
    ),
    residualScale: fields.number("residual_scale", limits.scale, 1),
    attentionScale: fields.number("attention.scale", limits.scale, 1 / Math.sqrt(queryWidth)),
    logitScale: 1 / fields.number("logit_scale", limits.scale, 1),
    attentionSoftcap: softcap("attn_logit_softcapping", architecture === "gemma2" ? 50 : null),
    finalSoftcap: softcap("final_logit_softcapping", architecture === "gemma2" ? 30 : null),
  };
}

/** Every n-th layer sees everything, the others a window (n = 1: none; all others of an architecture: a window everywhere). */
const fullLayerEvery: Partial<Record<ArchitectureName, number>> = { gemma2: 2, gemma3: 6, olmo2: 4 };

function parseLayers(
  fields: FieldReader,
  architecture: ArchitectureName,
  numLayers: number,
): readonly LayerConfig[] {
  const byDefault = architecture === "gemma2" ? 4096 : 0;
  const window = fields.integer("attention.sliding_window", { min: 0, max: limits.window.max }, byDefault);
  const slides = slidingRule(fields, architecture, numLayers);
  return Array.from({ length: numLayers }, (_, layer) => ({
    window: window > 0 && slides(layer) ? window : null,
    ropeId: architecture === "gemma3" && slides(layer) ? 1 : 0,
  }));
}

/** `sliding_window_pattern` is a period, or one flag per layer. */
function slidingRule(
  fields: FieldReader,
  architecture: ArchitectureName,
  numLayers: number,
): (layer: number) => boolean {
  const key = "attention.sliding_window_pattern";
  const pattern = fields.raw(key);
  if (Array.isArray(pattern)) {
    if (pattern.length !== numLayers)
      throw fields.refuse(key, `must have one entry for each of ${numLayers} layers`);
    return (layer) => pattern[layer] === true;
  }
  const every = fields.integer(key, { min: 0, max: limits.numLayers.max }, fullLayerEvery[architecture] ?? 0);
  return (layer) => every === 0 || (layer + 1) % every !== 0;
}
