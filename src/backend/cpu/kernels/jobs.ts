/**
 * @module Job blocks: how TypeScript tells a kernel what to do.
 *
 * A job block is `jobBytes` bytes in the arena, aligned to 64. All fields are 4 bytes wide:
 *
 *   word 0, 1   address of the arena's byte 0 as a 64-bit number; machine code adds it to offsets, wasm ignores it
 *   word 2, 3   start, end: the range of units to do
 *   word 4 …    the kernel's own fields, in the order of `jobLayouts`
 *
 * "i32" fields are numbers or byte offsets into the arena (read as unsigned), offset 0 means "none"; "f32" are floats.
 * Strides are in bytes. The AssemblyScript kernels use the same offsets: `scripts/build-kernels.ts` generates them.
 */
import type { WeightStorage } from "../../../core/weight-storage.ts";
import type { RepackedType } from "../../encodings/transcoded-types.ts";
import { attentionItemWords } from "../footprint/workspace-layout.ts";

export const jobHeader = { arenaBaseLow: 0, arenaBaseHigh: 1, start: 2, end: 3 } as const;
const firstOwnWord = 4;

const rows = { input: "i32", inputStride: "i32", out: "i32", outStride: "i32", width: "i32" } as const;

/** Common to the three kernels that make quantized activations; `out` has the layout of `quantizedBytes`. */
const quantize = { input: "i32", inputStride: "i32", out: "i32", width: "i32" } as const;

/**
 * Split by row packs of the weights. For token row t < numTokens and matrix row r < numRows:
 *   out[t·outStride + 4r] = scale · (input[t] · w[r] + bias[r])        (added to what is there if accumulate ≠ 0)
 * q4, q8: `input` has the layout of `quantizedBytes`; f32, f16, bf16: f32 rows, inputStride apart.
 */
const matmul = {
  input: "i32",
  inputStride: "i32",
  numTokens: "i32",
  weights: "i32",
  numRows: "i32",
  numCols: "i32",
  out: "i32",
  outStride: "i32",
  bias: "i32",
  scale: "f32",
  accumulate: "i32",
} as const;

/**
 * Split by KV heads, not by tokens: two tokens share a byte of an int4 key, so one call must write both.
 * Token row t of [0, numTokens) goes to slot slots[t] of the layer's region `kv` (core/kv-layout.ts).
 * scratch: `storeKvScratchBytes`, one per thread.
 */
const storeKv = {
  key: "i32",
  keyStride: "i32",
  value: "i32",
  valueStride: "i32",
  numTokens: "i32",
  slots: "i32",
  kv: "i32",
  numKvHeads: "i32",
  headDim: "i32",
  scratch: "i32",
} as const;

/**
 * Split by KV heads, like storeKv, whose fields come first. For token rows [firstToken, firstToken + numTokens): headNorm of the
 * KV head's query heads and of its key (queryNorm, keyNorm: weights, 0 for none), rope of both, then storeKv. Query heads
 * and keys lie in the same rows.
 */
const prepareHeads = {
  ...storeKv,
  firstToken: "i32",
  query: "i32",
  queryHeadsPerKvHead: "i32",
  rotaryDim: "i32",
  table: "i32",
  positions: "i32",
  queryNorm: "i32",
  keyNorm: "i32",
  eps: "f32",
} as const;

/**
 * Split by work: unit u is work item u ÷ numKvHeads and KV head u mod numKvHeads. `items` is described at
 * `attentionItem`. softcap 0 and window 0 mean none. scratch: `attentionScratchBytes`, one per thread.
 */
const attention = {
  query: "i32",
  queryStride: "i32",
  out: "i32",
  outStride: "i32",
  kv: "i32",
  numKvHeads: "i32",
  headDim: "i32",
  queryHeadsPerKvHead: "i32",
  scale: "f32",
  softcap: "f32",
  window: "i32",
  blockSize: "i32",
  blockTables: "i32",
  maxBlocksPerSequence: "i32",
  positions: "i32",
  items: "i32",
  partials: "i32",
  scratch: "i32",
} as const;

export const jobLayouts = {
  /** Split by token rows. */
  quantizeRows: quantize,
  /** Split by token rows: rmsNorm, then quantizeRows, in one pass. */
  normQuantize: { ...quantize, weight: "i32", eps: "f32" },
  /** Split by token rows: glu, then quantizeRows. Input row = [gate | up]; activation 0 silu, 1 gelu (tanh). */
  gluQuantize: { ...quantize, activation: "i32" },

  matmulQ4: matmul,
  matmulQ8: matmul,
  matmulF32: matmul,
  matmulF16: matmul,
  matmulBf16: matmul,

  /** Split by token rows: out[t] = scale · table[tokenIds[t]]; storage: a code of `storageCodes`. */
  embed: {
    tokenIds: "i32",
    weights: "i32",
    storage: "i32",
    width: "i32",
    out: "i32",
    outStride: "i32",
    scale: "f32",
  },
  /** Split by token rows. */
  rmsNorm: { ...rows, weight: "i32", eps: "f32" },
  /** Split by token rows; in place. */
  headNorm: { at: "i32", stride: "i32", numHeads: "i32", headDim: "i32", weight: "i32", eps: "f32" },
  /** Split by token rows; in place. table: per position rotaryDim f32, first all cosines, then all sines. */
  rope: {
    at: "i32",
    stride: "i32",
    numHeads: "i32",
    headDim: "i32",
    rotaryDim: "i32",
    table: "i32",
    positions: "i32",
  },
  storeKvF16: storeKv,
  storeKvInt8: storeKv,
  storeKvInt4: storeKv,
  prepareHeadsF16: prepareHeads,
  prepareHeadsInt8: prepareHeads,
  prepareHeadsInt4: prepareHeads,
  attentionF16: attention,
  attentionInt8: attention,
  attentionInt4: attention,
  /** Split like attention, over items whose partials are to be merged in order into `out` (same `items` table). */
  attentionMerge: {
    out: "i32",
    outStride: "i32",
    numKvHeads: "i32",
    headDim: "i32",
    queryHeadsPerKvHead: "i32",
    items: "i32",
    partials: "i32",
    /** 1: partial results are in the rotated space of int4 values, and the output is rotated back. */
    rotated: "i32",
  },
  /** Split by token rows: out = activation(gate) · up; input row = [gate | up]; activation 0 silu, 1 gelu (tanh). */
  glu: { ...rows, activation: "i32" },
  /** Split by token rows: out += scale · input. */
  add: { ...rows, scale: "f32" },
  /** Split by output rows: out[o] = input[rowIds[o]]. */
  gatherRows: { ...rows, rowIds: "i32" },
  /** Split by rows; in place. */
  softcap: { at: "i32", stride: "i32", width: "i32", cap: "f32" },

  /**
   * Split by rows of `logits`; row r is output row firstOutput + r of every per-output array, which are those of
   * SamplingInputs and StepResults. Overwrites the logits row where penalties or biases apply.
   * scratch: `sampleScratchBytes`, one per thread.
   */
  sample: {
    logits: "i32",
    logitsStride: "i32",
    vocabularyWidth: "i32",
    firstOutput: "i32",
    targetTokenIds: "i32",
    numTopLogprobs: "i32",
    wantsLogprob: "i32",
    temperature: "i32",
    topK: "i32",
    topP: "i32",
    minP: "i32",
    uniform: "i32",
    repetitionPenalty: "i32",
    frequencyPenalty: "i32",
    presencePenalty: "i32",
    seenStarts: "i32",
    seenTokenIds: "i32",
    seenCounts: "i32",
    biasStarts: "i32",
    biasTokenIds: "i32",
    biasValues: "i32",
    maskNumbers: "i32",
    masks: "i32",
    resultTokenIds: "i32",
    resultLogprobs: "i32",
    resultRanks: "i32",
    resultTopTokenIds: "i32",
    resultTopLogprobs: "i32",
    maxLogprobs: "i32",
    scratch: "i32",
  },

  /**
   * Split by row packs of destination rows, counted from `out`. Destination row r is staged source row rowMap[r]
   * (rowMap 0: row r); `source` is the staging area, rows sourceRowBytes apart; rows ≥ numRows become zeros.
   * sourceType, storage: codes below. scratch: `repackScratchBytes`, one per thread.
   */
  repackMatrix: {
    source: "i32",
    sourceRowBytes: "i32",
    rowMap: "i32",
    out: "i32",
    numRows: "i32",
    numCols: "i32",
    sourceType: "i32",
    storage: "i32",
    scratch: "i32",
  },
  /** Split by numbers: out[i] = source[elementMap[i]] + addend, f32 (elementMap 0: element i); F32, F16, BF16 only. */
  repackVector: { source: "i32", elementMap: "i32", out: "i32", sourceType: "i32", addend: "f32" },
  /** Split by bytes: fills [at + start, at + end) with zeros, which also makes the pages resident. */
  zero: { at: "i32" },
  /** Split by bytes. */
  copy: { source: "i32", out: "i32" },
} as const satisfies Record<string, Record<string, "i32" | "f32">>;

export type KernelName = keyof typeof jobLayouts;
export type JobField<K extends KernelName> = keyof (typeof jobLayouts)[K] & string;
export type JobValues<K extends KernelName> = { readonly [F in JobField<K>]: number };

/** Both views lie over the whole arena. */
export interface JobWords {
  readonly i32: Int32Array;
  readonly f32: Float32Array;
}

/** Word index of a field in its job block (× 4 = byte offset), for patching it between steps. */
export function jobWord<K extends KernelName>(kernel: K, field: JobField<K>): number {
  return firstOwnWord + Object.keys(jobLayouts[kernel]).indexOf(field);
}

/** Writes a whole job block at byte offset `jobOffset`; `arenaBase` is 0n where only wasm reads it. */
export function writeJob<K extends KernelName>(
  words: JobWords,
  jobOffset: number,
  kernel: K,
  values: JobValues<K>,
  part: { readonly start: number; readonly end: number },
  arenaBase = 0n,
): void {
  const word = jobOffset / 4;
  words.i32[word + jobHeader.arenaBaseLow] = Number(BigInt.asIntN(32, arenaBase));
  words.i32[word + jobHeader.arenaBaseHigh] = Number(BigInt.asIntN(32, arenaBase >> 32n));
  words.i32[word + jobHeader.start] = part.start;
  words.i32[word + jobHeader.end] = part.end;
  const types: Readonly<Record<string, "i32" | "f32">> = jobLayouts[kernel];
  let own = word + firstOwnWord;
  for (const [field, type] of Object.entries(types)) {
    words[type][own] = values[field as JobField<K>];
    own += 1;
  }
}

/** `storage` of embed and repackMatrix. */
export const storageCodes: Readonly<Record<WeightStorage, number>> = {
  q4: 0,
  q8: 1,
  f16: 2,
  bf16: 3,
  f32: 4,
};

/** `sourceType` of repackMatrix and repackVector. */
export const tensorTypeCodes: Readonly<Record<RepackedType, number>> = {
  F32: 0,
  F16: 1,
  BF16: 2,
  Q4_0: 3,
  Q4_1: 4,
  Q5_0: 5,
  Q5_1: 6,
  Q8_0: 7,
  Q4_K: 8,
  Q5_K: 9,
  Q6_K: 10,
};

export const activationCodes = { silu: 0, geluTanh: 1 } as const;

/**
 * An attention work item, 8 words: query rows [firstRow, firstRow + numRows) of one slice (numRows ≤ maxItemRows) over
 * partitions [firstPartition, firstPartition + numPartitions). Positions outside a row's own range are ignored.
 *
 * numShared > 0: the item has one row of each of numRows slices: of `slice` and of those after it. Their first numShared
 * partitions lie in the same blocks, are full and visible to all rows, and are read once for all; after them each row continues
 * in its own blocks up to its own position. Such an item begins at partition 0, covers all partitions and has no window.
 *
 * firstPartial < 0: the item covers all partitions and writes `out`. Else the result of partition i goes to partial records,
 * which `attentionMerge`, with one item for all partitions, merges; the record of (partition i, kv head k, row r,
 * query head h of the group) is firstPartial + ((i·numKvHeads + k)·numRows + r)·queryHeadsPerKvHead + h, with i counted
 * from the item's own firstPartition. Both ways give the same bits.
 */
export const attentionItem = {
  words: attentionItemWords,
  slice: 0,
  firstRow: 1,
  numRows: 2,
  firstPartition: 3,
  numPartitions: 4,
  firstPartial: 5,
  numShared: 6,
} as const;
