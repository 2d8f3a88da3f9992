/** @module What one start holds on each card and with the processors, for a number of layers and a length of the cache. */
import type { ModelFacts } from "../../../model/facts.ts";
import type { PlanRequest } from "../../../plan/plan.ts";
import { modelGraph } from "../compute/model-graph.ts";
import type { LlamaBuild } from "../settings/builds.ts";
import { type CacheCells, cacheCells, isQuantizedType, type LlamaSettings } from "../settings/settings.ts";
import { layerCacheBytes, layerStateBytes, windowOf } from "./cache.ts";
import {
  cardWeightBytes,
  type HostWeights,
  hostWeights,
  type PlacedTensor,
  type Placement,
  placedTensors,
} from "./placed-weights.ts";

export interface LlamaStart {
  readonly request: PlanRequest;
  readonly settings: LlamaSettings;
  readonly build: LlamaBuild;
  readonly tensors: readonly PlacedTensor[];
}

/** What a start may give up to fit. */
export interface Sizes {
  readonly contextTokens: number;
  /** Layers on cards, the head counted as one. */
  readonly cardLayers: number;
}

/** Bytes in one place. */
export interface HeldBytes {
  readonly weights: number;
  readonly cache: number;
  readonly state: number;
  readonly compute: number;
}

export interface LlamaFootprint {
  readonly sizes: Sizes;
  readonly cells: CacheCells;
  readonly cards: readonly HeldBytes[];
  readonly host: HeldBytes;
  readonly hostWeights: HostWeights;
  /** Logits of one token a slot, with the processors. */
  readonly outputBytes: number;
}

export function startOfLlama(request: PlanRequest, settings: LlamaSettings, build: LlamaBuild): LlamaStart {
  return { request, settings, build, tensors: placedTensors(request) };
}

/** Which card has a layer: the last layers are on cards, dealt out by the proportions (`load_tensors`). */
function cardsOfLayers(facts: ModelFacts, { proportions }: LlamaSettings, cardLayers: number) {
  const numLayers = facts.layers.length;
  const held = Math.min(cardLayers, numLayers + 1);
  const first = numLayers + 1 - held;
  const total = proportions.reduce((sum, part) => sum + part, 0);
  const ends = proportions.map(
    (_, at) => proportions.slice(0, at + 1).reduce((sum, part) => sum + part, 0) / total,
  );
  return (layer: number): number | null => {
    if (layer < first) return null;
    const at = ends.findIndex((end) => (layer - first) / held < end);
    return at === -1 ? ends.length - 1 : at;
  };
}

const float = 4;

function computeBytes(
  { request: { model }, settings, build }: LlamaStart,
  cells: CacheCells,
  placement: Placement,
) {
  const { slots, usesFlash, keyType, valueType, isPooling } = settings;
  const numTokens = cells.microBatchTokens;
  const limited = Math.min(numTokens, slots.value);
  const graph = modelGraph(model, {
    numTokens,
    numSequences: slots.value,
    numOutputs: build.limitsOutputs && !isPooling ? limited : numTokens,
    usesFlash,
    numCells: cells.whole,
    numWindowCells: cells.windowed,
    rotatesKeys: build.rotates && isQuantizedType(keyType),
    rotatesValues: build.rotates && isQuantizedType(valueType),
    indexesRows: build.indexesRows,
    reservesEmbeddings: build.reservesEmbeddings,
    placeOf: (layer) => (placement.cardOf(layer) === null ? "host" : "card"),
  });
  return graph.reservedBytes({ host: 32, card: 128 });
}

/** Copies of the inputs that several cards keep in flight (`GGML_SCHED_MAX_COPIES`). */
const pipelineCopies = 4;

export function footprintOf(start: LlamaStart, sizes: Sizes): LlamaFootprint {
  const { request, settings, tensors } = start;
  const { model } = request;
  const cells = cacheCells(settings, sizes.contextTokens, windowOf(model));
  const placement: Placement = {
    cardOf: cardsOfLayers(model, settings, sizes.cardLayers),
    hostExpertLayers: settings.hostExpertLayers,
  };
  const compute = computeBytes(start, cells, placement);
  const cardOfCache = (layer: number): number | null =>
    settings.keepsCacheOnCard ? placement.cardOf(layer) : null;
  const inPlace = (card: number | null): Pick<HeldBytes, "cache" | "state"> => {
    const own = model.layers.filter((_, layer) => cardOfCache(layer) === card);
    return {
      cache: own.reduce((sum, { mixer }) => sum + layerCacheBytes(model, mixer, settings, cells), 0),
      state: own.reduce((sum, { mixer }) => sum + layerStateBytes(mixer, settings.slots.value), 0),
    };
  };
  const isPipelined = settings.proportions.length > 1 && sizes.cardLayers > model.layers.length;
  const inputBytes = cells.microBatchTokens * (model.hiddenSize * float + cells.whole * 2);
  const cardCompute = compute.card + (isPipelined ? (pipelineCopies - 1) * inputBytes : 0);
  const own = hostWeights(tensors, placement, settings);
  return {
    sizes,
    cells,
    cards: settings.proportions.map((_, card) => ({
      weights: cardWeightBytes(tensors, placement, card),
      ...inPlace(card),
      compute: sizes.cardLayers === 0 ? 0 : cardCompute,
    })),
    host: { weights: own.fileBytes + own.repackedBytes, ...inPlace(null), compute: compute.host },
    hostWeights: own,
    outputBytes: settings.slots.value * model.vocabSize * float,
  };
}

export function sumHeld({ weights, cache, state, compute }: HeldBytes): number {
  return weights + cache + state + compute;
}
