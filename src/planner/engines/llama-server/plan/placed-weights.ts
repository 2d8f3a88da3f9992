/** @module The tensors of a model, each with its layer, and what of them lies on cards and with the processors. */
import type { TensorType } from "../../../../core/tensor-type.ts";
import type { ModelFacts } from "../../../model/facts.ts";
import { rankTensors, singleRank } from "../../../model/weights/rank-tensors.ts";
import { loadedAllocations } from "../../../model/weights/weight-formats.ts";
import type { PlanRequest, StoredTensorFacts } from "../../../plan/plan.ts";
import { roundUp } from "../../../quantity/bytes.ts";

export interface PlacedTensor {
  /** Null: the embedding, which stays with the processors. The head belongs to the layer behind the last. */
  readonly layer: number | null;
  readonly bytes: number;
  readonly type: TensorType | null;
  readonly numRows: number;
  readonly isExperts: boolean;
  /** The head reads the embedding: a card that holds the head has a copy of it. */
  readonly isTiedHead: boolean;
}

const alignment = 32;
/** Encodings that processors with AVX2 lay out anew for their matrix products, eight rows at a time. */
const repackedTypes: readonly (TensorType | null)[] = ["Q4_0", "Q4_K", "IQ4_NL"];
const repackedRows = 8;

function layerOf(name: string, numLayers: number): number | null {
  const match = /^blk\.(\d+)\./.exec(name);
  if (match !== null) return Number(match[1]);
  return /^output/.test(name) ? numLayers : null;
}

function ofFile(stored: readonly StoredTensorFacts[], numLayers: number): PlacedTensor[] {
  return stored.map(({ name, numBytes, type, shape }) => ({
    layer: layerOf(name, numLayers),
    bytes: numBytes,
    type,
    numRows: shape.length < 2 ? 0 : (shape[shape.length - 2] ?? 0),
    isExperts: /\.ffn_(up|down|gate|gate_up)_(ch|)exps/.test(name),
    isTiedHead: false,
  }));
}

function byFormula(facts: ModelFacts): PlacedTensor[] {
  return rankTensors(facts, singleRank).map((tensor) => ({
    layer: tensor.layer ?? (tensor.role === "embedding" ? null : facts.layers.length),
    bytes: loadedAllocations(tensor, facts, "none").reduce((sum, bytes) => sum + bytes, 0),
    type: null,
    numRows: tensor.numRows,
    isExperts: tensor.role === "experts" || tensor.role === "expertsDown",
    isTiedHead: false,
  }));
}

/** Tensors in the order of the file; of a model without a head of its own, the embedding's second use besides. */
export function placedTensors({ model, tensors: stored }: PlanRequest): readonly PlacedTensor[] {
  const tensors = stored === undefined ? byFormula(model) : ofFile(stored, model.layers.length);
  if (!model.isTied) return tensors;
  const embedding = tensors.find(({ layer, numRows }) => layer === null && numRows >= model.vocabSize);
  if (embedding === undefined) return tensors;
  return [...tensors, { ...embedding, layer: model.layers.length, isTiedHead: true }];
}

/** What decides where a tensor goes. */
export interface Placement {
  /** Index of the card of a layer; null: the processors. */
  readonly cardOf: (layer: number) => number | null;
  readonly hostExpertLayers: number;
}

function cardOfTensor({ layer, isExperts }: PlacedTensor, placement: Placement): number | null {
  if (layer === null || (isExperts && layer < placement.hostExpertLayers)) return null;
  return placement.cardOf(layer);
}

/** Bytes of the weights on one card. */
export function cardWeightBytes(
  tensors: readonly PlacedTensor[],
  placement: Placement,
  card: number,
): number {
  return tensors.reduce(
    (sum, tensor) => (cardOfTensor(tensor, placement) === card ? sum + tensor.bytes : sum),
    0,
  );
}

export interface HostWeights {
  /** The part of the file between the first and the last tensor that is read in place, or all of them where nothing is mapped. */
  readonly fileBytes: number;
  /** Tensors that were laid out anew. */
  readonly repackedBytes: number;
}

/** Bytes of the weights with the processors. */
export function hostWeights(
  tensors: readonly PlacedTensor[],
  placement: Placement,
  { repacks, maps }: { readonly repacks: boolean; readonly maps: boolean },
): HostWeights {
  let [offset, first, end, sum, repackedBytes] = [0, Number.POSITIVE_INFINITY, 0, 0, 0];
  for (const tensor of tensors) {
    const isHere = cardOfTensor(tensor, placement) === null;
    const isMatrix = tensor.layer !== null && tensor.numRows > 0 && tensor.numRows % repackedRows === 0;
    const isRepacked = repacks && isMatrix && repackedTypes.includes(tensor.type);
    if (isHere && isRepacked) repackedBytes += tensor.bytes;
    if (tensor.isTiedHead) continue;
    if (isHere && !isRepacked) {
      first = Math.min(first, offset);
      end = offset + tensor.bytes;
      sum += tensor.bytes;
    }
    offset += roundUp(tensor.bytes, alignment);
  }
  return { fileBytes: maps ? Math.max(0, end - first) : sum, repackedBytes };
}
