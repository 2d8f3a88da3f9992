/** @module Bytes of the cache and of the recurrent states of one layer (`llama_kv_cache`, `llama_memory_recurrent`). */
import { PagodaError } from "../../../../core/errors.ts";
import type { Mixer, ModelFacts } from "../../../model/facts.ts";
import { type CacheCells, isQuantizedType, type LlamaSettings, rowBytes } from "../settings/settings.ts";

const float = 4;

/** The window of the layers that have one; null: none has. */
export function windowOf({ layers }: ModelFacts): number | null {
  for (const { mixer } of layers)
    if (mixer.kind === "attention" && (mixer.window !== null || mixer.chunk !== null))
      return mixer.window ?? mixer.chunk;
  return null;
}

/** Without flash attention values lie transposed, and every layer has rows of the widest one. */
function valueWidth(facts: ModelFacts, own: number, usesFlash: boolean): number {
  if (usesFlash) return own;
  let most = own;
  for (const { mixer } of facts.layers)
    if (mixer.kind === "attention") most = Math.max(most, mixer.numKvHeads * mixer.valueHeadDim);
  return most;
}

/** Bytes of keys and values of one cell in a layer. */
function cellBytes(facts: ModelFacts, mixer: Mixer, settings: LlamaSettings): number {
  const { keyType, valueType, usesFlash } = settings;
  if (mixer.kind === "latent") return rowBytes(keyType, mixer.kvRank + mixer.ropeHeadDim);
  if (mixer.kind !== "attention" || mixer.borrowsCache === true) return 0;
  const keys = rowBytes(keyType, mixer.numKvHeads * mixer.headDim);
  return keys + rowBytes(valueType, valueWidth(facts, mixer.numKvHeads * mixer.valueHeadDim, usesFlash));
}

/** Bytes of the cache of a layer. */
export function layerCacheBytes(
  facts: ModelFacts,
  mixer: Mixer,
  settings: LlamaSettings,
  cells: CacheCells,
): number {
  const isWindowed = mixer.kind === "attention" && (mixer.window !== null || mixer.chunk !== null);
  const count = (isWindowed ? cells.windowed : cells.whole) * cells.numStreams;
  return cellBytes(facts, mixer, settings) * count;
}

/** Bytes of the states of a layer: one of each kind for every slot, in f32. */
export function layerStateBytes(mixer: Mixer, slots: number): number {
  if (mixer.kind === "linear") {
    const [keys, values] = [mixer.numKeyHeads * mixer.keyHeadDim, mixer.numValueHeads * mixer.valueHeadDim];
    return slots * float * ((mixer.convWidth - 1) * (2 * keys + values) + mixer.keyHeadDim * values);
  }
  if (mixer.kind !== "mamba2") return 0;
  const inner = mixer.numHeads * mixer.headDim;
  const channels = inner + 2 * mixer.numGroups * mixer.stateWidth;
  return slots * float * ((mixer.convWidth - 1) * channels + mixer.stateWidth * inner);
}

/** @throws PagodaError `plan_invalid`: types of the cache that llama.cpp refuses for this model. */
export function assertCacheTypes(facts: ModelFacts, { keyType, valueType, usesFlash }: LlamaSettings): void {
  if (isQuantizedType(valueType) && !usesFlash)
    throw new PagodaError(
      "plan_invalid",
      "A quantized V cache was requested, but this requires Flash Attention.",
      {
        param: "cache-type-v",
        hint: "Write --flash-attn on, or leave out --cache-type-v.",
      },
    );
  const isLatent = facts.layers.some(({ mixer }) => mixer.kind === "latent");
  if (isLatent && keyType !== valueType)
    throw new PagodaError(
      "plan_invalid",
      `The model does not support different K (${keyType.toLowerCase()}) and V (${valueType.toLowerCase()}) cache types.`,
      { param: "cache-type-v", hint: `Write --cache-type-v ${keyType.toLowerCase()} as well.` },
    );
}
