/** @module Attention jobs for tests of kernels: paged caches in shuffled blocks, several slices, windows and soft caps. */
import {
  blocksOfLength,
  type KvDtype,
  tileDataBytes,
  tileHeadBytes,
  tokensPerTile,
} from "../../../../core/kv-layout.ts";
import type { SeededNumbers } from "../../../seeded-numbers.ts";
import {
  attentionScratchBytes,
  maxItemRows,
  partialRecordBytes,
  tokensPerPartition,
} from "../../footprint/workspace-layout.ts";
import { attentionItem, type JobValues } from "../jobs.ts";
import type { KernelArena } from "./kernel-arena.ts";
import type { ByteRange, KernelCase } from "./kernel-case.ts";
import { randomHalf } from "./quantized-matmul-case.ts";

interface AttentionShape {
  readonly dtype: KvDtype;
  readonly numKvHeads: number;
  readonly queryHeadsPerKvHead: number;
  readonly headDim: number;
  readonly blockSize: number;
  /** Tokens of each slice's sequence, the rows of its item included. */
  readonly contextTokens: readonly number[];
  /** Rows of each slice's item. */
  readonly numRows: readonly number[];
  /** Partitions whose blocks are the same for all slices, which then have one row each and one item; else 0. */
  readonly numShared: number;
}

const kernelNames = { f16: "attentionF16", int8: "attentionInt8", int4: "attentionInt4" } as const;
const notANumber = 0x7e00;
/** Most tokens of a slice after the shared ones, rounded up to blocks. */
const mostOwnTokens = 128;

function randomShape(random: SeededNumbers, dtype: KvDtype, cacheBytes: number): AttentionShape {
  const numKvHeads = random.between(1, 3);
  // Sometimes a head width that machine code leaves to wasm.
  const headDim =
    random.between(0, 9) === 0 ? 4 * random.between(1, 20) : 16 * random.between(1, random.between(1, 8));
  const bytesPerTile = numKvHeads * tileHeadBytes(dtype, headDim);
  const heads = { dtype, numKvHeads, headDim, queryHeadsPerKvHead: random.between(1, 4) };
  const blockSize = tokensPerTile << random.between(0, 2);
  const sharedBytes = ((tokensPerPartition + maxItemRows * mostOwnTokens) / tokensPerTile) * bytesPerTile;
  if (sharedBytes <= cacheBytes && random.between(0, 1) === 0) {
    const numRows = Array.from({ length: random.between(2, maxItemRows) }, () => 1);
    const contextTokens = numRows.map(
      () => tokensPerPartition + random.between(1, mostOwnTokens - blockSize),
    );
    return { ...heads, blockSize, contextTokens, numRows, numShared: 1 };
  }
  const numSlices = random.between(1, 2);
  const mostTokens = Math.floor(cacheBytes / bytesPerTile / numSlices) * tokensPerTile;
  const numRows = Array.from({ length: numSlices }, () => random.between(1, maxItemRows));
  return {
    ...heads,
    blockSize,
    contextTokens: numRows.map((rows) =>
      random.between(rows, random.between(maxItemRows, Math.min(mostTokens, 1100))),
    ),
    numRows,
    numShared: 0,
  };
}

/**
 * A job for `attentionF16`, `attentionInt8` or `attentionInt4`, its operands in new regions of the arena.
 * @param cacheBytes most bytes of the cache: contexts are long or heads wide, but not both
 */
export function attentionCase(
  arena: KernelArena,
  random: SeededNumbers,
  dtype: KvDtype,
  cacheBytes: number,
): KernelCase {
  const shape = randomShape(random, dtype, cacheBytes);
  const { numKvHeads, queryHeadsPerKvHead, headDim, numRows } = shape;
  const totalRows = numRows.reduce((a, b) => a + b, 0);
  const rowNumbers = numKvHeads * queryHeadsPerKvHead * headDim;
  const cache = placeCache(arena, random, shape);
  const isShared = shape.numShared > 0;
  const isPartial = !isShared && random.between(0, 2) === 0;
  const items = itemTable(shape, isPartial);
  const scratchBytes = attentionScratchBytes(headDim, queryHeadsPerKvHead);
  const scratch = arena.take(scratchBytes);
  const partialBytes = isPartial ? items.numPartials * partialRecordBytes(headDim) : 0;
  const partials = arena.take(partialBytes);
  const floats = (numNumbers: number, scale: number): number =>
    arena.floats(Array.from({ length: numNumbers }, () => random.signed() * scale));
  const out = floats(totalRows * rowNumbers, 1);
  const values: JobValues<"attentionF16"> = {
    query: floats(totalRows * rowNumbers, 64),
    queryStride: 4 * rowNumbers,
    out,
    outStride: 4 * rowNumbers,
    kv: cache.kv,
    numKvHeads,
    headDim,
    queryHeadsPerKvHead,
    scale: 1 / Math.sqrt(headDim),
    softcap: random.between(0, 3) === 0 ? 5 : 0,
    window: !isShared && random.between(0, 2) === 0 ? random.between(1, 600) : 0,
    blockSize: shape.blockSize,
    blockTables: cache.blockTables,
    maxBlocksPerSequence: cache.maxBlocksPerSequence,
    positions: arena.ints(
      numRows.flatMap((rows, slice) => lastPositions(shape.contextTokens[slice] ?? 0, rows)),
    ),
    items: arena.ints(items.words),
    partials,
    scratch,
  };
  return {
    kernel: kernelNames[dtype],
    values,
    numUnits: (isShared ? 1 : numRows.length) * numKvHeads,
    floats: isPartial
      ? recordFloats(partials, items.numPartials, headDim)
      : [{ start: out, end: out + 4 * totalRows * rowNumbers }],
    scratch: { start: scratch, end: scratch + scratchBytes },
  };
}

/** Partial records without their padding: maximum and sum, then the numbers of a head. */
function recordFloats(partials: number, numPartials: number, headDim: number): ByteRange[] {
  return Array.from({ length: numPartials }, (_, i) => partials + i * partialRecordBytes(headDim)).flatMap(
    (at) => [
      { start: at, end: at + 8 },
      { start: at + 16, end: at + 16 + 4 * headDim },
    ],
  );
}

/** Positions of a slice's rows: the last ones of its sequence. */
function lastPositions(contextTokens: number, numRows: number): number[] {
  return Array.from({ length: numRows }, (_, i) => contextTokens - numRows + i);
}

/** One item per slice, over all its partitions, or one for all slices. */
function itemTable(shape: AttentionShape, isPartial: boolean): { words: Int32Array; numPartials: number } {
  const numSlices = shape.numRows.length;
  if (shape.numShared > 0) {
    const numPartitions = Math.ceil(Math.max(...shape.contextTokens) / tokensPerPartition);
    return {
      words: Int32Array.of(0, 0, numSlices, 0, numPartitions, -1, shape.numShared, 0),
      numPartials: 0,
    };
  }
  const words = new Int32Array(numSlices * attentionItem.words);
  let firstRow = 0;
  let numPartials = 0;
  for (const [slice, numRows] of shape.numRows.entries()) {
    const numPartitions = Math.ceil((shape.contextTokens[slice] ?? 0) / tokensPerPartition);
    const at = slice * attentionItem.words;
    words[at + attentionItem.slice] = slice;
    words[at + attentionItem.firstRow] = firstRow;
    words[at + attentionItem.numRows] = numRows;
    words[at + attentionItem.firstPartition] = 0;
    words[at + attentionItem.numPartitions] = numPartitions;
    words[at + attentionItem.firstPartial] = isPartial ? numPartials : -1;
    firstRow += numRows;
    numPartials += numPartitions * shape.numKvHeads * numRows * shape.queryHeadsPerKvHead;
  }
  return { words, numPartials };
}

/** A cache with blocks in another order than in their sequences; after a sequence's last token it holds NaN. */
function placeCache(
  arena: KernelArena,
  random: SeededNumbers,
  { dtype, numKvHeads, headDim, blockSize, contextTokens, numShared }: AttentionShape,
): { kv: number; blockTables: number; maxBlocksPerSequence: number } {
  const numSharedBlocks = (numShared * tokensPerPartition) / blockSize;
  const blocks = contextTokens.map((tokens) => blocksOfLength(tokens, blockSize));
  const numBlocks = blocks.reduce((a, b) => a + b - numSharedBlocks, numSharedBlocks);
  const maxBlocksPerSequence = Math.max(...blocks) + 1;
  const headBytes = tileHeadBytes(dtype, headDim);
  const tilesPerBlock = blockSize / tokensPerTile;
  const kvBytes = numBlocks * tilesPerBlock * numKvHeads * headBytes;
  const kv = arena.take(kvBytes);
  const dataBytes = 2 * tileDataBytes(dtype, headDim);
  for (let at = kv; at < kv + kvBytes; at += headBytes) {
    const firstHalf = dtype === "f16" ? 0 : dataBytes;
    for (let i = 0; i < firstHalf; i += 4) arena.i32[(at + i) / 4] = random.bits();
    for (let i = firstHalf; i < headBytes; i += 2) arena.u16[(at + i) / 2] = randomHalf(random);
  }
  let nextBlock = numBlocks;
  const tables = new Int32Array(contextTokens.length * maxBlocksPerSequence);
  for (const [slice, numOwn] of blocks.entries())
    for (let i = 0; i < numOwn; i++)
      tables[slice * maxBlocksPerSequence + i] =
        slice > 0 && i < numSharedBlocks ? (tables[i] ?? 0) : --nextBlock;
  for (const [slice, tokens] of contextTokens.entries())
    for (let position = tokens; dtype === "f16" && position % tokensPerTile !== 0; position++) {
      const block = tables[slice * maxBlocksPerSequence + Math.floor(position / blockSize)] ?? 0;
      const tile = block * tilesPerBlock + Math.floor((position % blockSize) / tokensPerTile);
      for (let head = 0; head < numKvHeads; head++) {
        const at = kv + (tile * numKvHeads + head) * headBytes;
        for (let d = 0; d < headDim; d++) {
          arena.u16[at / 2 + d * tokensPerTile + (position % tokensPerTile)] = notANumber;
          arena.u16[(at + dataBytes / 2) / 2 + (position % tokensPerTile) * headDim + d] = notANumber;
        }
      }
    }
  return { kv, blockTables: arena.ints(tables), maxBlocksPerSequence };
}
