/** @module The largest pass of a model in llama.cpp: a full micro-batch against a full cache (`sched_reserve`). */
import type { LayerFacts, Mixer, ModelFacts } from "../../../model/facts.ts";
import { ComputeGraph, type Place, type Tensor } from "./compute-graph.ts";
import {
  attention,
  type CacheInputs,
  deltaNet,
  feedForward,
  latentAttention,
  mamba,
  norm,
  type PassSizes,
} from "./layer-graph.ts";

export interface PassSettings {
  /** Tokens of a micro-batch. */
  readonly numTokens: number;
  /** Slots. */
  readonly numSequences: number;
  /** Tokens whose logits are computed. */
  readonly numOutputs: number;
  readonly usesFlash: boolean;
  /** Cells of one stream of the cache of whole sequences, and of that of windows. */
  readonly numCells: number;
  readonly numWindowCells: number;
  /** Keys, and values, are turned by a matrix before they are quantized. */
  readonly rotatesKeys: boolean;
  readonly rotatesValues: boolean;
  /** The cache's rows are written by an index. */
  readonly indexesRows: boolean;
  /** Room for embeddings in the place of tokens. */
  readonly reservesEmbeddings: boolean;
  /** Where a layer runs; the layer behind the last one is the head. */
  readonly placeOf: (layer: number) => Place;
}

const float = 4;
const index = 4;

/** Layers of one period say all: the reservation is the same however often they repeat. */
function shortened(layers: readonly LayerFacts[], placeOf: PassSettings["placeOf"]): readonly number[] {
  const kept: number[] = [];
  const seen = new Map<string, number>();
  for (const [at, layer] of layers.entries()) {
    const before = at === 0 ? "first" : kindOf(layers[at - 1]);
    const key = `${before} ${kindOf(layer)} ${placeOf(at)} ${at === 0 ? "" : placeOf(at - 1)}`;
    const count = seen.get(key) ?? 0;
    seen.set(key, count + 1);
    if (count < 2 || at === layers.length - 1) kept.push(at);
  }
  return kept;
}

function kindOf(layer: LayerFacts | undefined): string {
  return JSON.stringify(layer);
}

interface Caches {
  readonly whole: CacheInputs;
  readonly windows: CacheInputs;
}

interface CacheWidths {
  readonly keyWidth: number;
  readonly valueWidth: number;
}

function widthsOf(facts: ModelFacts): CacheWidths {
  for (const { mixer } of facts.layers) {
    if (mixer.kind === "attention") return { keyWidth: mixer.headDim, valueWidth: mixer.valueHeadDim };
    if (mixer.kind === "latent") return { keyWidth: mixer.kvRank + mixer.ropeHeadDim, valueWidth: 0 };
  }
  return { keyWidth: 0, valueWidth: 0 };
}

/** Numbers of one value row where values lie transposed, which is where flash attention is off. */
function valueRowWidth(facts: ModelFacts): number {
  let most = 0;
  for (const { mixer } of facts.layers)
    if (mixer.kind === "attention") most = Math.max(most, mixer.numKvHeads * mixer.valueHeadDim);
  return most;
}

const leastSide = 64;

/** The largest power of two that divides a head: the side of the rotation of keys. */
function rotationSide(width: number): number {
  let side = leastSide;
  while (width % (side * 2) === 0) side *= 2;
  return side;
}

function cacheInputs(
  graph: ComputeGraph,
  facts: ModelFacts,
  settings: PassSettings,
  numCells: number,
): CacheInputs {
  const { numTokens, usesFlash, rotatesKeys, rotatesValues } = settings;
  const { keyWidth, valueWidth } = widthsOf(facts);
  const rotation = (side: number): Tensor => graph.input(side ** 2 * float);
  const indexBytes = settings.indexesRows ? numTokens * 8 : 0;
  const keyPlaces = graph.input(indexBytes);
  const valuePlaces = graph.input(indexBytes * (usesFlash ? 1 : Math.max(1, valueRowWidth(facts))));
  return {
    numCells,
    keyPlaces,
    valuePlaces,
    mask: graph.input(numCells * numTokens * (usesFlash ? 2 : float)),
    keyRotation: rotatesKeys && keyWidth % leastSide === 0 ? rotation(rotationSide(keyWidth)) : null,
    valueRotation:
      rotatesValues && valueWidth > 0 && valueWidth % leastSide === 0 ? rotation(leastSide) : null,
  };
}

function mixed(graph: ComputeGraph, mixer: Mixer, hidden: Tensor, pass: PassSizes, caches: Caches): Tensor {
  switch (mixer.kind) {
    case "attention": {
      const isWindow = mixer.window !== null || mixer.chunk !== null;
      return attention(graph, mixer, hidden, pass, isWindow ? caches.windows : caches.whole);
    }
    case "latent":
      return latentAttention(graph, mixer, hidden, pass, caches.whole);
    case "linear":
      return deltaNet(graph, mixer, hidden, pass);
    case "mamba2":
      return mamba(graph, mixer, hidden, pass);
    case "none":
      return hidden;
  }
}

interface Cursor {
  stream: Tensor;
  pass: PassSizes;
}

function addLayer(
  graph: ComputeGraph,
  layer: LayerFacts,
  cursor: Cursor,
  caches: Caches,
  outputs: { readonly rows: Tensor; readonly count: number } | null,
): void {
  const hidden = norm(graph, cursor.stream);
  let answer = mixed(graph, layer.mixer, hidden, cursor.pass, caches);
  if (outputs !== null) {
    const bytes = outputs.count * cursor.pass.hiddenSize * float;
    answer = graph.op(bytes, answer, outputs.rows);
    cursor.stream = graph.op(bytes, cursor.stream, outputs.rows);
    cursor.pass = { ...cursor.pass, numTokens: outputs.count };
  }
  const joined = graph.inPlace(answer.bytes, answer, cursor.stream);
  const fed = feedForward(
    graph,
    layer.feedForward,
    layer.feedForward.kind === "none" ? joined : norm(graph, joined),
    cursor.pass,
  );
  cursor.stream = fed === null ? joined : graph.inPlace(joined.bytes, fed, joined);
}

/** Builds the pass. */
export function modelGraph(facts: ModelFacts, settings: PassSettings): ComputeGraph {
  const { placeOf, numCells, numWindowCells, numOutputs, numSequences, usesFlash } = settings;
  const numTokens = Math.ceil(settings.numTokens / numSequences) * numSequences;
  const sized = { ...settings, numTokens };
  const graph = new ComputeGraph("host");
  const { hiddenSize } = facts;
  const tokens = graph.input(numTokens * index);
  const embeddingBytes = numTokens * hiddenSize * float;
  if (settings.reservesEmbeddings) graph.input(embeddingBytes);
  const positions = graph.input(numTokens * index);
  const rows = graph.input(numOutputs * index);
  const whole = cacheInputs(graph, facts, sized, numCells);
  const caches: Caches = {
    whole,
    windows: numWindowCells === 0 ? whole : cacheInputs(graph, facts, sized, numWindowCells),
  };
  const pass: PassSizes = { numTokens, numSequences, hiddenSize, usesFlash, positions };
  const cursor: Cursor = { stream: graph.op(embeddingBytes, tokens), pass };
  const last = facts.layers.length - 1;
  for (const at of shortened(facts.layers, placeOf)) {
    const layer = facts.layers[at];
    if (layer === undefined) continue;
    graph.runOn(placeOf(at));
    addLayer(graph, layer, cursor, caches, at === last ? { rows, count: numOutputs } : null);
  }
  graph.runOn(placeOf(last + 1));
  const normed = norm(graph, cursor.stream);
  graph.keep(normed);
  graph.keep(graph.op(numOutputs * facts.vocabSize * float, normed));
  return graph;
}
