/**
 * @module The operations of one layer in llama.cpp, in the order in which it reserves them; widths in numbers a token, all
 * of four bytes (`src/models/*.cpp`, `src/llama-graph.cpp`).
 */
import type {
  AttentionMixer,
  ExpertFeedForward,
  FeedForward,
  LatentMixer,
  LinearMixer,
  MambaMixer,
} from "../../../model/facts.ts";
import type { ComputeGraph, Tensor } from "./compute-graph.ts";

const float = 4;

/** Inputs that all layers of one kind share. */
export interface CacheInputs {
  readonly mask: Tensor;
  /** Cells of one stream. */
  readonly numCells: number;
  readonly keyPlaces: Tensor;
  readonly valuePlaces: Tensor;
  /** Matrices that turn keys and values before they are quantized; null: they are not. */
  readonly keyRotation: Tensor | null;
  readonly valueRotation: Tensor | null;
}

export interface PassSizes {
  readonly numTokens: number;
  readonly numSequences: number;
  readonly hiddenSize: number;
  readonly usesFlash: boolean;
  readonly positions: Tensor;
}

/** One norm: two operations, the second over the first. */
export function norm(graph: ComputeGraph, source: Tensor): Tensor {
  return graph.inPlace(source.bytes, graph.inPlace(source.bytes, source));
}

function rotated(graph: ComputeGraph, tensor: Tensor, matrix: Tensor | null): Tensor {
  return matrix === null ? tensor : graph.op(tensor.bytes, matrix, tensor);
}

/** Attention over the cache: what flash attention returns, or scores and values. */
function overCache(
  graph: ComputeGraph,
  query: Tensor,
  { numHeads, valueWidth }: { readonly numHeads: number; readonly valueWidth: number },
  { numTokens, usesFlash }: PassSizes,
  { mask, numCells }: CacheInputs,
): Tensor {
  const outBytes = numTokens * numHeads * valueWidth * float;
  if (usesFlash) return graph.op(outBytes, query, mask);
  const scores = graph.op(numCells * numTokens * numHeads * float, query);
  const shares = graph.inPlace(scores.bytes, scores, mask);
  return graph.op(outBytes, shares);
}

export function attention(
  graph: ComputeGraph,
  mixer: AttentionMixer,
  hidden: Tensor,
  pass: PassSizes,
  cache: CacheInputs,
): Tensor {
  const { numTokens, positions } = pass;
  const { numHeads, numKvHeads, headDim, valueHeadDim, hasOutputGate } = mixer;
  const queryBytes = numTokens * numHeads * headDim * float;
  const joined = graph.op(queryBytes * (hasOutputGate ? 2 : 1), hidden);
  const turned = graph.op(queryBytes, joined, positions);
  const query = rotated(graph, turned, cache.keyRotation);
  const borrows = mixer.borrowsCache === true;
  if (!borrows) {
    const rawValue = graph.op(numTokens * numKvHeads * valueHeadDim * float, hidden);
    const value = rotated(graph, rawValue, cache.valueRotation);
    const rawKey = graph.op(numTokens * numKvHeads * headDim * float, hidden);
    const key = rotated(graph, graph.op(rawKey.bytes, rawKey, positions), cache.keyRotation);
    graph.sink(key, cache.keyPlaces);
    graph.sink(value, cache.valuePlaces);
  }
  const answer = overCache(graph, query, { numHeads, valueWidth: valueHeadDim }, pass, cache);
  const gathered = pass.usesFlash ? answer : graph.op(answer.bytes, answer);
  const back = rotated(graph, gathered, cache.valueRotation);
  const gated = hasOutputGate ? gate(graph, back, joined) : back;
  return graph.op(numTokens * pass.hiddenSize * float, gated);
}

/** The half of the query projection that gates the answer is made contiguous, squashed and multiplied in. */
function gate(graph: ComputeGraph, answer: Tensor, joined: Tensor): Tensor {
  const own = graph.op(answer.bytes, joined);
  return graph.inPlace(answer.bytes, graph.view(answer), graph.inPlace(own.bytes, own));
}

/** Latent attention with its projections absorbed: queries as wide as the latent, one key for all heads. */
export function latentAttention(
  graph: ComputeGraph,
  mixer: LatentMixer,
  hidden: Tensor,
  pass: PassSizes,
  cache: CacheInputs,
): Tensor {
  const { numTokens, positions } = pass;
  const { numHeads, queryRank, kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim } = mixer;
  const bytes = (width: number): number => numTokens * width * float;
  const narrow = queryRank === null ? hidden : norm(graph, graph.op(bytes(queryRank), hidden));
  const whole = graph.op(bytes(numHeads * (nopeHeadDim + ropeHeadDim)), narrow);
  const absorbed = graph.op(bytes(numHeads * kvRank), whole);
  const turned = graph.op(bytes(numHeads * ropeHeadDim), whole, positions);
  const joined = graph.op(bytes(numHeads * (kvRank + ropeHeadDim)), absorbed, turned);
  const query = rotated(graph, joined, cache.keyRotation);
  const compressed = graph.op(bytes(kvRank + ropeHeadDim), hidden);
  const latent = graph.inPlace(bytes(kvRank), graph.op(bytes(kvRank), compressed));
  const keyTurned = graph.op(bytes(ropeHeadDim), compressed, positions);
  const key = rotated(graph, graph.op(bytes(kvRank + ropeHeadDim), latent, keyTurned), cache.keyRotation);
  graph.sink(key, cache.keyPlaces);
  const answer = overCache(graph, query, { numHeads, valueWidth: kvRank }, pass, cache);
  const values = graph.op(bytes(numHeads * valueHeadDim), answer);
  return graph.op(bytes(pass.hiddenSize), graph.op(values.bytes, values));
}

/** A gated delta net: states of all sequences are read, moved on and written back. */
export function deltaNet(
  graph: ComputeGraph,
  mixer: LinearMixer,
  hidden: Tensor,
  { numTokens, numSequences, hiddenSize }: PassSizes,
): Tensor {
  const { numKeyHeads, numValueHeads, keyHeadDim, valueHeadDim, convWidth } = mixer;
  const bytes = (width: number): number => numTokens * width * float;
  const [keys, values] = [numKeyHeads * keyHeadDim, numValueHeads * valueHeadDim];
  const channels = 2 * keys + values;
  const convBytes = numSequences * (convWidth - 1) * channels * float;
  const stateBytes = numSequences * numValueHeads * keyHeadDim * valueHeadDim * float;
  const window = graph.op(convBytes);
  const mixed = graph.op(bytes(channels), hidden);
  const joined = graph.op(window.bytes + mixed.bytes, window, mixed);
  graph.sink(joined);
  const state = graph.op(stateBytes);
  const filtered = graph.inPlace(bytes(channels), graph.op(bytes(channels), joined));
  const query = graph.inPlace(bytes(keys), graph.op(bytes(keys), filtered));
  const key = graph.inPlace(bytes(keys), graph.op(bytes(keys), filtered));
  const decay = graph.op(bytes(numValueHeads), hidden);
  const rate = graph.op(bytes(numValueHeads), hidden);
  const moved = graph.op(bytes(values) + stateBytes, query, key, filtered, decay, rate, state);
  graph.sink(moved);
  const normed = graph.inPlace(bytes(values), graph.op(bytes(values), moved));
  const opened = graph.op(bytes(values), hidden);
  const gated = graph.inPlace(bytes(values), normed, graph.op(opened.bytes, opened));
  return graph.view(graph.op(bytes(hiddenSize), gated));
}

/** A Mamba 2 layer: projection, convolution, scan, gate. */
export function mamba(
  graph: ComputeGraph,
  mixer: MambaMixer,
  hidden: Tensor,
  { numTokens, numSequences, hiddenSize }: PassSizes,
): Tensor {
  const { numHeads, headDim, stateWidth, numGroups, convWidth } = mixer;
  const bytes = (width: number): number => numTokens * width * float;
  const inner = numHeads * headDim;
  const channels = inner + 2 * numGroups * stateWidth;
  const projected = graph.op(bytes(inner + channels + numHeads), hidden);
  const window = graph.op(numSequences * (convWidth - 1) * channels * float);
  const joined = graph.op(window.bytes + bytes(channels), window, projected);
  graph.sink(joined);
  const filtered = graph.inPlace(bytes(channels), graph.op(bytes(channels), joined));
  const step = graph.op(bytes(numHeads), projected);
  const stateBytes = numSequences * inner * stateWidth * float;
  const moved = graph.op(bytes(inner) + stateBytes, filtered, step);
  graph.sink(moved);
  const skipped = graph.op(bytes(inner), moved, graph.op(bytes(inner), filtered));
  const gated = graph.op(bytes(inner), projected, skipped);
  return graph.op(bytes(hiddenSize), norm(graph, gated));
}

function dense(
  graph: ComputeGraph,
  width: number,
  isGated: boolean,
  hidden: Tensor,
  pass: PassSizes,
): Tensor {
  const bytes = pass.numTokens * width * float;
  const first = graph.op(bytes, hidden);
  const inner = isGated ? graph.op(bytes, first, graph.op(bytes, hidden)) : graph.op(bytes, first);
  return graph.op(pass.numTokens * pass.hiddenSize * float, inner);
}

function experts(graph: ComputeGraph, layer: ExpertFeedForward, hidden: Tensor, pass: PassSizes): Tensor {
  const { numTokens, hiddenSize } = pass;
  const { numExperts, numActive, width, sharedWidth, isGated } = layer;
  const bytes = (numbers: number): number => numTokens * numbers * float;
  const logits = graph.op(bytes(numExperts), hidden);
  const shares = graph.inPlace(logits.bytes, logits);
  const ranked = graph.op(bytes(numExperts), shares);
  const weights = graph.op(bytes(numActive), shares, ranked);
  const gates = graph.op(bytes(numActive * width), hidden, ranked);
  const inner = isGated
    ? graph.op(gates.bytes, gates, graph.op(gates.bytes, hidden, ranked))
    : graph.inPlace(gates.bytes, gates);
  const down = graph.op(bytes(numActive * hiddenSize), inner, ranked);
  const weighted = graph.inPlace(down.bytes, down, weights);
  let sum = numActive === 1 ? weighted : graph.op(bytes(hiddenSize), weighted, weighted);
  for (let index = 2; index < numActive; index++) sum = graph.inPlace(sum.bytes, sum, weighted);
  if (sharedWidth === 0) return sum;
  const shared = dense(graph, sharedWidth, isGated, hidden, pass);
  return graph.inPlace(sum.bytes, sum, shared);
}

export function feedForward(
  graph: ComputeGraph,
  layer: FeedForward,
  hidden: Tensor,
  pass: PassSizes,
): Tensor | null {
  if (layer.kind === "none") return null;
  if (layer.kind === "dense") return dense(graph, layer.width, layer.isGated, hidden, pass);
  return experts(graph, layer, hidden, pass);
}
