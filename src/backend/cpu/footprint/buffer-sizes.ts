/**
 * @module The sizes of the CPU backend's buffers, in bytes unless stated otherwise. The footprint adds them up before
 * anything is allocated; `memory/layout.ts` allocates them.
 */
import type { ModelShape, WeightShape } from "../../../core/footprint.ts";
import { groupWidth } from "../../../core/weight-storage.ts";
import type { StepLimits } from "../../backend.ts";
import { type StepArray, stepInputArrays, stepResultArrays } from "../../step-layout.ts";
import type { CpuLimits } from "./cpu-limits.ts";
import { packedMatrixBytes } from "./weight-layout.ts";
import {
  attentionScratchBytes,
  partialRecordBytes,
  repackScratchBytes,
  roundUp64,
  sampleScratchBytes,
  storeKvScratchBytes,
  tokensPerPartition,
} from "./workspace-layout.ts";

/** An arena is a WebAssembly memory, which grows by pages of 64 KiB. */
export const arenaPageBytes = 65_536;
/** The range of a 32-bit pointer without its last page, so that an offset just past the end does not wrap to 0. */
export const largestArenaBytes = 65_535 * arenaPageBytes;
/** Static data of the kernels begins at offset 0, so offset 0 is never a buffer and can mean "none". */
export const kernelDataBytes = 4096;
/** Most KV partials kept at once, in query rows of the longest sequence. */
export const maxSplitRows = 4;

/** Bytes of a weight as it lies in its arena. */
export function weightBytes(weight: WeightShape): number {
  if (weight.role === "vector") return weight.numCols * 4;
  return packedMatrixBytes(weight.storage, weight.numRows, weight.numCols);
}

/** Most rows that the head section runs at once, which bounds the logits that are kept. */
export function headPieceRows(limits: StepLimits): number {
  return Math.min(32, limits.maxNumSeqs, limits.maxNumBatchedTokens);
}

/** Rows of a buffer of this kind: tokens of a step, or output rows of one piece of the head section. */
export function bufferRows(rows: "tokens" | "outputs", limits: StepLimits): number {
  return rows === "tokens" ? limits.maxNumBatchedTokens : headPieceRows(limits);
}

/** Widest row that is quantized for a product: the widest quantized matrix. */
export function quantizedWidth(shape: Pick<ModelShape, "weights">): number {
  const quantized = shape.weights.filter(
    (weight) => weight.role === "matrix" && (weight.storage === "q4" || weight.storage === "q8"),
  );
  return Math.max(groupWidth, ...quantized.map((weight) => weight.numCols));
}

/** Partial results of attention over long sequences, whose partitions are divided among the threads. */
export function partialsBytes(shape: ModelShape, limits: CpuLimits): number {
  const numPartitions = Math.ceil(limits.maxModelLen / tokensPerPartition);
  const recordsBytes = attentionShapes(shape).map(
    ({ numHeads, headDim }) => numHeads * partialRecordBytes(headDim),
  );
  return maxSplitRows * numPartitions * Math.max(0, ...recordsBytes);
}

/** One thread's scratch. It serves one purpose at a time: attention, storing KV, sampling (arena 0), loading weights. */
export function threadScratchBytes(shape: ModelShape, arena: number, limits: CpuLimits): number {
  const attention = attentionShapes(shape).map(({ headDim, groupHeads }) =>
    Math.max(attentionScratchBytes(headDim, groupHeads), storeKvScratchBytes(headDim)),
  );
  const sampling = arena === 0 && isFirstRank(limits) ? sampleScratchBytes(shape.vocabularyWidth) : 0;
  return roundUp64(Math.max(stagingBytes(shape) + repackScratchBytes + rowMapBytes, sampling, ...attention));
}

/** Rows that one repacking task covers at most. */
export const maxTaskRows = 4096;
const rowMapBytes = maxTaskRows * 4;

/** Stored weight bytes that a thread reads at a time: 256 KiB, or two row packs of the widest rows in f32. */
export function stagingBytes(shape: Pick<ModelShape, "weights">): number {
  const widest = Math.max(0, ...shape.weights.map((weight) => weight.numCols));
  return roundUp64(Math.max(256 * 1024, 16 * widest * 4));
}

function attentionShapes(
  shape: ModelShape,
): { readonly numHeads: number; readonly headDim: number; readonly groupHeads: number }[] {
  return shape.body.flatMap(({ kind, numHeads, kvLayer }) => {
    const kv = kvLayer === undefined ? undefined : shape.kvLayers[kvLayer];
    if (kind !== "attention" || numHeads === undefined || kv === undefined) return [];
    return [{ numHeads, headDim: kv.headDim, groupHeads: numHeads / kv.numKvHeads }];
  });
}

/** Step inputs in an arena. Each has a copy of those that operations of every layer read. */
export function arenaInputs(limits: CpuLimits, vocabularyWidth: number, arena: number): readonly StepArray[] {
  const all = stepInputArrays(limits, vocabularyWidth);
  const ofLayers = all.filter(({ name }) => ["positions", "slots", "blockTables"].includes(name));
  if (arena > 0) return ofLayers;
  const ofFirstArena = isFirstRank(limits)
    ? all
    : [...ofLayers, ...all.filter(({ name }) => name === "outputRows")];
  return limits.place === undefined ? ofFirstArena : [...ofFirstArena, ownTokenIds(limits)];
}

/** The step's tokens as rows of the rank's own part of the embedding. */
function ownTokenIds({ maxNumBatchedTokens }: CpuLimits): StepArray {
  return { name: "ownTokenIds", numElements: maxNumBatchedTokens, type: "i32" };
}

/** Results lie where tokens are sampled: in arena 0 of rank 0. */
export function arenaResults(limits: CpuLimits, arena: number): readonly StepArray[] {
  return arena === 0 && isFirstRank(limits) ? stepResultArrays(limits) : [];
}

function isFirstRank({ place }: CpuLimits): boolean {
  return place === undefined || place.rank === 0;
}

/** Every token row is in at most one item, and cutting items for the threads adds at most eight pieces a thread. */
export function maxAttentionItems(limits: CpuLimits): number {
  return Math.ceil(limits.maxNumBatchedTokens + 8 * limits.numThreads);
}

/** Per position, cosines and then sines of every pair. */
export function ropeTableBytes(numPairs: number, limits: StepLimits): number {
  return limits.maxModelLen * numPairs * 2 * 4;
}

/** Job blocks of one thread: at most two for an operation, one more for each further matrix, and copies between arenas. */
export function jobsPerThread(shape: ModelShape): number {
  const numMatrices = shape.weights.filter((weight) => weight.role === "matrix").length;
  return 2 * (shape.body.length + shape.head.length) + numMatrices + 32;
}

/** Start gate, barrier, claims and state (1 KiB), and 512 bytes of timings for each thread. */
export function controlBytes(numThreads: number): number {
  return 1024 + 512 * numThreads;
}
