/**
 * @module The sizes of the CPU backend's buffers, in bytes unless stated otherwise. The footprint adds them up before
 * anything is allocated; `memory/layout.ts` allocates them.
 */
import type { WeightShape } from "../../../core/footprint.ts";
import { groupWidth } from "../../../core/weight-storage.ts";
import type { StepLimits } from "../../backend.ts";
import type { StepArray } from "../../step-layout.ts";
import type { CpuLimits } from "./cpu-limits.ts";
import { widthOf } from "./rank-shares.ts";
import type { RankedShape } from "./ranked-program.ts";
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
export function quantizedWidth(shape: Pick<RankedShape, "weights">): number {
  const quantized = shape.weights.filter(
    (weight) => weight.role === "matrix" && (weight.storage === "q4" || weight.storage === "q8"),
  );
  return Math.max(groupWidth, ...quantized.map((weight) => weight.numCols));
}

/** Partial results of a rank's attention over long sequences, whose partitions are divided among the threads. */
export function rankPartialsBytes(shape: RankedShape, limits: CpuLimits): number {
  const numPartitions = Math.ceil(limits.maxModelLen / tokensPerPartition);
  const recordsBytes = attentionShapes(shape).map(
    ({ numHeads, headDim }) => numHeads * partialRecordBytes(headDim),
  );
  return maxSplitRows * numPartitions * Math.max(0, ...recordsBytes);
}

/** One thread's scratch. It serves one purpose at a time: attention, storing KV, sampling (arena 0), loading weights. */
export function threadScratchBytes(shape: RankedShape, arena: number): number {
  const attention = attentionShapes(shape).map(({ headDim, groupHeads }) =>
    Math.max(attentionScratchBytes(headDim, groupHeads), storeKvScratchBytes(headDim)),
  );
  const sampling = arena === 0 ? sampleScratchBytes(shape.vocabularyWidth) : 0;
  return roundUp64(Math.max(stagingBytes(shape) + repackScratchBytes + rowMapBytes, sampling, ...attention));
}

/** Rows that one repacking task covers at most. */
export const maxTaskRows = 4096;
const rowMapBytes = maxTaskRows * 4;

/** Stored weight bytes that a thread reads at a time: 256 KiB, or two row packs of the widest rows in f32. */
export function stagingBytes(shape: Pick<RankedShape, "weights">): number {
  const widest = Math.max(0, ...shape.weights.map((weight) => weight.numCols));
  return roundUp64(Math.max(256 * 1024, 16 * widest * 4));
}

/** Of every attention, the query heads of each rank. */
function attentionShapes(
  shape: RankedShape,
): { readonly numHeads: number; readonly headDim: number; readonly groupHeads: number }[] {
  return shape.body.flatMap(({ kind, numHeads, kvLayer, ranks }) => {
    const kv = kvLayer === undefined ? undefined : shape.kvLayers[kvLayer];
    if (kind !== "attention" || numHeads === undefined || kv === undefined) return [];
    const shares = ranks?.map(({ query, kv }) => ({ numHeads: widthOf(query), numKvHeads: widthOf(kv) }));
    return (shares ?? [{ numHeads, numKvHeads: kv.numKvHeads }]).map((own) => ({
      numHeads: own.numHeads,
      headDim: kv.headDim,
      groupHeads: own.numHeads / own.numKvHeads,
    }));
  });
}

export function numRanksOf({ numRanks = 1 }: Pick<RankedShape, "numRanks">): number {
  return numRanks;
}

/** The rank of a thread: each has equally many, one after another. */
export function rankOfThread(thread: number, numThreads: number, numRanks: number): number {
  return Math.floor((thread * numRanks) / numThreads);
}

/** Step inputs that operations of every layer read, so that each arena has a copy of them. */
export function isReadInEveryArena({ name }: StepArray): boolean {
  return name === "positions" || name === "slots" || name === "blockTables";
}

/** Every token row is in at most one item, and cutting items for the threads adds at most eight pieces a thread. */
export function maxAttentionItems(limits: CpuLimits): number {
  return Math.ceil(limits.maxNumBatchedTokens + 8 * limits.numThreads);
}

/** Per position, cosines and then sines of every pair. */
export function ropeTableBytes(numPairs: number, limits: StepLimits): number {
  return limits.maxModelLen * numPairs * 2 * 4;
}

/**
 * Job blocks of one thread: at most two for an operation (of each rank, where they have a KV cache each), one more for each
 * further matrix, and copies between arenas.
 */
export function jobsPerThread(shape: RankedShape): number {
  const numMatrices = shape.weights.filter((weight) => weight.role === "matrix").length;
  const numOfRanks = shape.body.filter(({ kind }) => kind === "attention" || kind === "storeKv").length;
  const numFurther = 2 * (numRanksOf(shape) - 1) * (numOfRanks + 1);
  return 2 * (shape.body.length + shape.head.length) + numMatrices + numFurther + 32;
}

/** Start gate, barrier, claims and state (1 KiB), and 512 bytes of timings for each thread. */
export function controlBytes(numThreads: number): number {
  return 1024 + 512 * numThreads;
}
