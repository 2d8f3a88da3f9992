/** @module Which layer is which: full, sliding, chunked, linear, Mamba, cross, or feed-forward only. */
import { PagodaError } from "../../core/errors.ts";
import { type ConfigFields, isObject } from "./config-fields.ts";

export type LayerKind = "full" | "sliding" | "chunked" | "linear" | "mamba" | "cross" | "none";

export interface LayerOutline {
  readonly mixer: LayerKind;
  readonly hasFeedForward: boolean;
}

const byName: Readonly<Record<string, LayerKind>> = {
  full_attention: "full",
  global_attention: "full",
  attention: "full",
  sliding_attention: "sliding",
  local_attention: "sliding",
  chunked_attention: "chunked",
  // Sparse attention caches every token, and reads some of them.
  deepseek_sparse_attention: "full",
  sparse_attention: "full",
  linear_attention: "linear",
  kda: "linear",
  gated_delta_net: "linear",
  mamba: "mamba",
  mamba2: "mamba",
};

function kindNamed(name: unknown): LayerKind {
  const kind = byName[String(name)];
  if (kind !== undefined) return kind;
  throw new PagodaError(
    "model_unsupported",
    `The layer type "${String(name)}" is not known to the planner.`,
    {
      param: "layer_types",
      hint: `Known types: ${Object.keys(byName).join(", ")}.`,
    },
  );
}

/** One pattern letter per layer, as Nemotron-H writes it: M Mamba, * attention, - feed-forward, E experts. */
function fromOverridePattern(pattern: string): LayerOutline[] {
  return [...pattern].map((letter) => ({
    mixer: letter === "M" ? "mamba" : letter === "*" ? "full" : "none",
    hasFeedForward: letter === "-" || letter === "E",
  }));
}

/** Layers of one kind each, as Nemotron 3 lists them: a mixer, or a feed-forward alone. */
function fromBlockTypes(types: readonly unknown[]): LayerOutline[] {
  return types.map((type) => {
    const isFeedForward = type === "moe" || type === "mlp";
    return { mixer: isFeedForward ? "none" : kindNamed(type), hasFeedForward: isFeedForward };
  });
}

/** Layers by number, from 1: which are full and which are Kimi's delta attention. */
function fromDeltaLayers(fields: ConfigFields, numLayers: number): LayerKind[] | null {
  const full = fields.object("linear_attn_config")?.full_attn_layers;
  if (!Array.isArray(full)) return null;
  return Array.from({ length: numLayers }, (_, index) => (full.includes(index + 1) ? "full" : "linear"));
}

/** Counts without an order are dealt out evenly: the order never changes a byte, only names. */
function fromCounts(counts: Readonly<Record<string, unknown>>): LayerKind[] {
  return Object.entries(counts).flatMap(([name, number]) =>
    Array<LayerKind>(Number(number)).fill(kindNamed(name)),
  );
}

function everyNth(numLayers: number, period: number, nth: LayerKind, others: LayerKind): LayerKind[] {
  return Array.from({ length: numLayers }, (_, index) => ((index + 1) % period === 0 ? nth : others));
}

/** Period of full layers among sliding ones where the configuration does not list them (transformers' defaults). */
function slidingPeriod(fields: ConfigFields): number | null {
  const stated = fields.integer(["sliding_window_pattern", "_sliding_window_pattern"]);
  if (stated !== null) return stated;
  const pattern = /(\d+)\s*sliding\s*:\s*1\s*full/.exec(fields.text("layer_pattern") ?? "");
  if (pattern !== null) return Number(pattern[1]) + 1;
  const id = fields.text("architecture") ?? "";
  if (/^Gemma2|^GptOss/.test(id)) return 2;
  if (/^Gemma[34]/.test(id)) return 6;
  if (/^Cohere2|^Olmo3|^Exaone4/.test(id)) return 4;
  return null;
}

/** True where every layer slides: a window that is on and shorter than the positions. */
function slidesEverywhere(fields: ConfigFields): boolean {
  const window = fields.integer(["sliding_window"], 0);
  if (window === null || window === 0 || fields.boolean("use_sliding_window") === false) return false;
  if (/^(Qwen|Phi)/.test(fields.text("architecture") ?? "")) return false;
  return window < (fields.integer(["max_position_embeddings"]) ?? Number.POSITIVE_INFINITY);
}

function mixerKinds(fields: ConfigFields, numLayers: number): LayerKind[] {
  const delta = fromDeltaLayers(fields, numLayers);
  if (delta !== null) return delta;
  const pattern = fields.list("hybrid_layer_pattern");
  if (pattern !== null && pattern.length >= numLayers)
    return pattern.slice(0, numLayers).map((flag) => (flag === 1 ? "sliding" : "full"));
  // Every layer of DeepSeek V4 has a window; what it caches beyond is compressed.
  if (fields.list("compress_ratios") !== null) return Array<LayerKind>(numLayers).fill("full");
  const listed = fields.list("layer_types") ?? fields.list("layers_block_type");
  if (listed !== null && listed.length >= numLayers) return listed.slice(0, numLayers).map(kindNamed);
  const counts = fields.object("layer_types_count");
  if (isObject(counts)) return fromCounts(counts);
  const interval = fields.integer(["full_attention_interval"]);
  if (interval !== null) return everyNth(numLayers, interval, "full", "linear");
  const period = slidingPeriod(fields);
  if (period !== null && fields.integer(["sliding_window"], 0) !== null)
    return everyNth(numLayers, period, "full", "sliding");
  if (fields.integer(["attention_chunk_size"]) !== null) return everyNth(numLayers, 4, "full", "chunked");
  if (/^Mamba2/.test(fields.text("architecture") ?? "")) return Array<LayerKind>(numLayers).fill("mamba");
  const kinds = Array<LayerKind>(numLayers).fill(slidesEverywhere(fields) ? "sliding" : "full");
  const crossLayers = fields.list("cross_attention_layers") ?? [];
  for (const index of crossLayers) if (typeof index === "number" && index < numLayers) kinds[index] = "cross";
  const numCross =
    fields.integer(["cross_attention_layers_count"]) ?? fields.number("cross_attention_layers") ?? 0;
  for (let index = 0; index < numCross; index++) kinds[3 + 5 * index] = "cross";
  return kinds;
}

/** The number of layers: stated, or that of the list or the pattern that names them one by one. */
export function layerCount(fields: ConfigFields): number {
  const listed = fields.list("layers_block_type") ?? fields.list("block_configs");
  const stated = fields.integer(["num_hidden_layers", "n_layer", "num_layers", "n_layers"]);
  const named = listed?.length ?? fields.text("hybrid_override_pattern")?.length ?? null;
  return stated ?? named ?? fields.required(["num_hidden_layers", "n_layer", "num_layers", "n_layers"]);
}

/** The outline of every layer, in order. */
export function layerKinds(fields: ConfigFields, numLayers: number): LayerOutline[] {
  const override = fields.text("hybrid_override_pattern");
  if (override !== null) return fromOverridePattern(override);
  const blocks = fields.list("layers_block_type");
  if (blocks?.some((type) => type === "moe" || type === "mlp") === true) return fromBlockTypes(blocks);
  const isMambaOnly = /^Mamba2/.test(fields.text("architecture") ?? "");
  return mixerKinds(fields, numLayers).map((mixer) => ({ mixer, hasFeedForward: !isMambaOnly }));
}
