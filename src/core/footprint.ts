/**
 * @module Pagoda's own memory arithmetic: a model's shape and limits in, bytes of every buffer out.
 *
 * There is no second formula: the CPU backend allocates by it and checks that it did, the planner imports it, and
 * `/admin/memory` reports against it. The runtime (Node, code, heaps) is not here; it is measured.
 *
 * Memory is one or more arenas of at most 4 GiB (kernel pointers have 32 bits):
 *
 *   arena 0     kernel data | control | weights of no layer (embedding, final norm, head) | layers 0 … a−1 with their KV
 *               | workspace | step inputs and results | tables
 *   arena 1 …   kernel data | layers a … b−1 with their KV | workspace | copies of the inputs that layers read | tables
 *
 * The head section runs in arena 0 again. Every item begins at a multiple of 64; an arena is whole 64 KiB pages.
 */
import { PagodaError } from "./errors.ts";
import { type KvDtype, type KvLayerShape, layerBlockBytes } from "./kv-layout.ts";
import {
  headPieceRows,
  type StepLimits,
  stepArrayBytes,
  stepInputArrays,
  stepResultArrays,
} from "./step-layout.ts";
import { groupWidth, packedMatrixBytes, type WeightStorage } from "./weight-layout.ts";
import {
  attentionItemWords,
  attentionScratchBytes,
  jobBytes,
  partialRecordBytes,
  quantizedBytes,
  repackScratchBytes,
  roundUp64,
  sampleScratchBytes,
  storeKvScratchBytes,
  tokensPerPartition,
} from "./workspace-layout.ts";

export interface WeightShape {
  readonly name: string;
  readonly role: "matrix" | "vector";
  readonly numRows: number;
  readonly numCols: number;
  readonly storage: WeightStorage;
  readonly layer: number | null;
}

interface OperationShape {
  readonly kind: string;
  /** Attention only. */
  readonly numHeads?: number;
  readonly kvLayer?: number;
}

/** What the arithmetic needs of a model. `Program` (backend/program.ts) is one; kvLayers[i] belongs to layer i. */
export interface ModelShape {
  readonly weights: readonly WeightShape[];
  readonly buffers: readonly {
    readonly name: string;
    readonly rows: "tokens" | "outputs";
    readonly width: number;
  }[];
  readonly kvLayers: readonly KvLayerShape[];
  readonly ropeTables: readonly { readonly inverseFrequencies: readonly number[] }[];
  readonly vocabularyWidth: number;
  readonly body: readonly OperationShape[];
  readonly head: readonly OperationShape[];
}

/** `BackendLimits` is one. */
export interface FootprintLimits extends StepLimits {
  readonly numBlocks: number;
  readonly kvDtype: KvDtype;
  readonly numThreads: number;
}

export type FootprintComponent = "weights" | "workspace" | "kvPool" | "tables";

interface FootprintItem {
  readonly component: FootprintComponent;
  readonly name: string;
  readonly arena: number;
  /** A multiple of 64. */
  readonly numBytes: number;
}

export interface Footprint {
  readonly components: Readonly<Record<FootprintComponent, number>>;
  /** Sum of the components = sum of the arenas. */
  readonly totalBytes: number;
  readonly arenaBytes: readonly number[];
  /** Arena of each layer, ascending. */
  readonly layerArenas: readonly number[];
  readonly items: readonly FootprintItem[];
}

export const arenaPageBytes = 65_536;
/** The end of what a 32-bit pointer reaches; the last page is left out so that no offset past the end wraps to 0. */
export const largestArenaBytes = 65_535 * arenaPageBytes;
/** Static data of the kernels, from offset 0 on: so offset 0 is never a buffer and can mean "none". */
export const kernelDataBytes = 4096;
/** Most KV partials kept at once, in query rows of the longest sequence. */
export const maxSplitRows = 4;

/**
 * Bytes of everything that is allocated for a model under limits. Throws `memory_too_small` where one layer with its KV
 * cache does not fit an arena of `arenaLimitBytes`.
 */
export function footprint(
  shape: ModelShape,
  limits: FootprintLimits,
  arenaLimitBytes = largestArenaBytes,
): Footprint {
  const layerArenas = assignLayers(shape, limits, arenaLimitBytes);
  const numArenas = (layerArenas.at(-1) ?? 0) + 1;
  const items = [...Array(numArenas).keys()].flatMap((arena) => {
    const inArena = arenaItems(shape, limits, arena, layerArenas);
    const padding = -sumBytes(inArena) & (arenaPageBytes - 1);
    return [...inArena, { component: "tables" as const, name: "page rounding", arena, numBytes: padding }];
  });
  const componentBytes = (component: FootprintComponent): number =>
    sumBytes(items.filter((item) => item.component === component));
  return {
    components: {
      weights: componentBytes("weights"),
      workspace: componentBytes("workspace"),
      kvPool: componentBytes("kvPool"),
      tables: componentBytes("tables"),
    },
    totalBytes: sumBytes(items),
    arenaBytes: [...Array(numArenas).keys()].map((arena) =>
      sumBytes(items.filter((item) => item.arena === arena)),
    ),
    layerArenas,
    items,
  };
}

/** Layers in order, each in the first arena that still has room for it, never before its predecessor's. */
function assignLayers(shape: ModelShape, limits: FootprintLimits, arenaLimitBytes: number): number[] {
  const numLayers = Math.max(
    shape.kvLayers.length,
    ...shape.weights.map((weight) => (weight.layer ?? -1) + 1),
  );
  const fixedBytes = [0, 1].map((arena) => sumBytes(arenaItems(shape, limits, arena, [])));
  const [firstArenaBytes = 0, otherArenaBytes = 0] = fixedBytes;
  const usableBytes = arenaLimitBytes - (arenaLimitBytes % arenaPageBytes);
  let arena = 0;
  let usedBytes = firstArenaBytes;
  refuseBeyond(usedBytes, usableBytes, "The embedding, the workspace and the tables take", fewerTokens);
  return [...Array(numLayers).keys()].map((layer) => {
    const layerBytes = sumBytes(layerItems(shape, limits, layer, arena));
    if (usedBytes + layerBytes > usableBytes) {
      arena += 1;
      usedBytes = otherArenaBytes;
    }
    usedBytes += layerBytes;
    const hint = fewerBlocks(shape, limits, layer, usableBytes - usedBytes);
    refuseBeyond(usedBytes, usableBytes, `Layer ${layer} with its KV cache and workspace takes`, hint);
    return arena;
  });
}

function refuseBeyond(neededBytes: number, usableBytes: number, what: string, hint: string): void {
  if (neededBytes <= usableBytes) return;
  throw new PagodaError(
    "memory_too_small",
    `${what} ${neededBytes} bytes, and one memory of the CPU backend holds ${usableBytes}.`,
    { hint },
  );
}

const fewerTokens = "Lower --max-num-batched-tokens, --max-num-seqs or --max-model-len.";

/** How many blocks would fit where `spareBytes` (negative) are lacking beside a layer. */
function fewerBlocks(shape: ModelShape, limits: FootprintLimits, layer: number, spareBytes: number): string {
  const kv = shape.kvLayers[layer];
  if (kv === undefined) return fewerTokens;
  const blockBytes = layerBlockBytes(limits.kvDtype, kv, limits.blockSize);
  const numBlocks = limits.numBlocks + Math.floor(spareBytes / blockBytes) - 1;
  return numBlocks < 1 ? fewerTokens : `Use fewer blocks: --num-gpu-blocks-override ${numBlocks}.`;
}

function arenaItems(
  shape: ModelShape,
  limits: FootprintLimits,
  arena: number,
  layerArenas: readonly number[],
): FootprintItem[] {
  const layers = layerArenas.flatMap((own, layer) =>
    own === arena ? layerItems(shape, limits, layer, arena) : [],
  );
  return [
    item("tables", "kernel data", arena, kernelDataBytes),
    ...(arena === 0 ? [item("tables", "control", arena, controlBytes(limits.numThreads))] : []),
    ...(arena === 0 ? weightItems(shape, null, arena) : []),
    ...layers,
    ...workspaceItems(shape, limits, arena),
    ...stepItems(shape, limits, arena),
    ...tableItems(shape, limits, arena),
  ];
}

function layerItems(
  shape: ModelShape,
  limits: FootprintLimits,
  layer: number,
  arena: number,
): FootprintItem[] {
  const kv = shape.kvLayers[layer];
  const kvBytes =
    kv === undefined ? 0 : limits.numBlocks * layerBlockBytes(limits.kvDtype, kv, limits.blockSize);
  return [
    ...weightItems(shape, layer, arena),
    ...(kv === undefined ? [] : [item("kvPool", `layer ${layer}`, arena, kvBytes)]),
  ];
}

function weightItems(shape: ModelShape, layer: number | null, arena: number): FootprintItem[] {
  return shape.weights
    .filter((weight) => weight.layer === layer)
    .map((weight) => item("weights", weight.name, arena, weightBytes(weight)));
}

export function weightBytes(weight: WeightShape): number {
  if (weight.role === "vector") return weight.numCols * 4;
  return packedMatrixBytes(weight.storage, weight.numRows, weight.numCols);
}

function workspaceItems(shape: ModelShape, limits: FootprintLimits, arena: number): FootprintItem[] {
  const workspace = (name: string, numBytes: number): FootprintItem =>
    item("workspace", name, arena, numBytes);
  return [
    ...shape.buffers.map((buffer) =>
      workspace(buffer.name, bufferRows(buffer.rows, limits) * buffer.width * 4),
    ),
    workspace("quantized input", quantizedBytes(limits.maxNumBatchedTokens, quantizedWidth(shape))),
    workspace("attention partials", partialsBytes(shape, limits)),
    ...[...Array(limits.numThreads).keys()].map((thread) =>
      workspace(`scratch of thread ${thread}`, threadScratchBytes(shape, arena)),
    ),
  ];
}

/** Rows of a buffer of this kind: tokens of a step, or output rows of one piece of the head section. */
export function bufferRows(rows: "tokens" | "outputs", limits: StepLimits): number {
  return rows === "tokens" ? limits.maxNumBatchedTokens : headPieceRows(limits);
}

/** Widest row that is quantised for a product: the widest quantised matrix. */
export function quantizedWidth(shape: Pick<ModelShape, "weights">): number {
  const quantized = shape.weights.filter(
    (weight) => weight.role === "matrix" && (weight.storage === "q4" || weight.storage === "q8"),
  );
  return Math.max(groupWidth, ...quantized.map((weight) => weight.numCols));
}

/** Partial results of attention over long sequences, which threads share out by partitions. */
export function partialsBytes(shape: ModelShape, limits: FootprintLimits): number {
  const numPartitions = Math.ceil(limits.maxModelLen / tokensPerPartition);
  const recordsBytes = attentionShapes(shape).map(
    ({ numHeads, headDim }) => numHeads * partialRecordBytes(headDim),
  );
  return maxSplitRows * numPartitions * Math.max(0, ...recordsBytes);
}

/** One thread's scratch, of which one use at a time: attention, storing KV, sampling (arena 0), loading weights. */
export function threadScratchBytes(shape: ModelShape, arena: number): number {
  const attention = attentionShapes(shape).map(({ headDim, groupHeads }) =>
    Math.max(attentionScratchBytes(headDim, groupHeads), storeKvScratchBytes(headDim)),
  );
  const sampling = arena === 0 ? sampleScratchBytes(shape.vocabularyWidth) : 0;
  return roundUp64(Math.max(stagingBytes(shape) + repackScratchBytes + rowMapBytes, sampling, ...attention));
}

/** Rows that one repacking task covers at most. */
export const maxTaskRows = 4096;
const rowMapBytes = maxTaskRows * 4;

/** Stored weight bytes that a thread reads at once: 256 KiB, or two octets of the widest rows in f32. */
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

function stepItems(shape: ModelShape, limits: FootprintLimits, arena: number): FootprintItem[] {
  const inputs = stepInputArrays(limits, shape.vocabularyWidth).filter(
    (array) => arena === 0 || array.everyArena,
  );
  const results = arena === 0 ? stepResultArrays(limits) : [];
  return [
    ...inputs.map((array) => item("workspace", `input ${array.name}`, arena, stepArrayBytes(array))),
    ...results.map((array) => item("workspace", `result ${array.name}`, arena, stepArrayBytes(array))),
    item("workspace", "attention items", arena, maxAttentionItems(limits) * attentionItemWords * 4),
    item("workspace", "merge items", arena, maxSplitRows * attentionItemWords * 4),
  ];
}

/** Every token row is in one item at most, and splitting over threads adds at most eight pieces for each thread. */
export function maxAttentionItems(limits: FootprintLimits): number {
  return Math.ceil(limits.maxNumBatchedTokens + 8 * limits.numThreads);
}

function tableItems(shape: ModelShape, limits: FootprintLimits, arena: number): FootprintItem[] {
  const numJobs = limits.numThreads * jobsPerThread(shape);
  return [
    ...shape.ropeTables.map((table, ropeId) =>
      item("tables", `rope ${ropeId}`, arena, ropeTableBytes(table.inverseFrequencies.length, limits)),
    ),
    item("tables", "jobs", arena, numJobs * jobBytes),
  ];
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

function item(component: FootprintComponent, name: string, arena: number, numBytes: number): FootprintItem {
  return { component, name, arena, numBytes: roundUp64(numBytes) };
}

function sumBytes(items: readonly FootprintItem[]): number {
  return items.reduce((sum, { numBytes }) => sum + numBytes, 0);
}
