// Attention over the paged cache.
//
// A unit of work is one item (up to 4 query rows) and one KV head: numRows × queryHeadsPerKvHead query vectors that share keys
// and values. The rows are of one slice, or of several slices as far as they begin with the same blocks. Positions are divided
// into partitions of 512 tokens, counted from position 0:
//
//   position 0        512       1024   p          per partition, for each query vector:
//   ├─ partition 0 ─┤─ 1 ─────┤─ 2 ──┤              1 scores of all its tokens (int8, int4: a tile is converted to f32 once)
//                                                   2 maximum m, e^(score − m), their sum l
//                                                   3 Σ e^(score − m) · value
//   partitions are merged in order:  (m, l, acc) ← both scaled to the larger m and added
//
// Every number of a query vector is computed by one fixed sequence of operations that depends only on its own position, and not
// on the other rows of its item, the chunks of the prompt, or the thread of a partition.
//
// Limit: the multiply-adds of the two inner products (attention-tile.ts) and an eighth of the time for exponentials; with few
// query vectors, reading the cache once from memory.
import { expLowest, exponentBias, foldEnd, minusInfinity, one } from "../numbers/constants";
import { maxLanes, scaledExp4, sumLanes, tanh4 } from "../numbers/exp";
import { rotateHead } from "./hadamard";
import {
  attentionF16_blockSize, attentionF16_blockTables, attentionF16_headDim, attentionF16_items, attentionF16_kv,
  attentionF16_maxBlocksPerSequence, attentionF16_numKvHeads, attentionF16_out, attentionF16_outStride,
  attentionF16_partials, attentionF16_positions, attentionF16_query, attentionF16_queryHeadsPerKvHead,
  attentionF16_queryStride, attentionF16_scale, attentionF16_scratch, attentionF16_softcap, attentionF16_window,
  attentionMerge_rotated, attentionMerge_headDim, attentionMerge_items, attentionMerge_numKvHeads, attentionMerge_out,
  attentionMerge_outStride, attentionMerge_partials, attentionMerge_queryHeadsPerKvHead, job_end, job_start,
} from "../job-fields";
import { dataBytes, headBytes, loadKeys, loadValues } from "./kv-tile";
import { mergeRecord, recordBytes, startRecord, storeOutput } from "./attention-record";
import { addValues, scoreTile } from "./attention-tile";

const tokensPerPartition: u32 = 512;
const scoreRowBytes: usize = 2048;
/** Tokens over which f16 values are summed at a time: 8 KiB for 64 dimensions stay in the first-level cache. */
const tokensAtOnce: u32 = 64;
/** Tokens whose f16 keys, or values, are fetched at a time: 16 KiB for 64 dimensions. */
const tokensFetched: u32 = 128;
/** 2^-112 */
const wholeFoldInverse: f32 = 1.925929944387236e-34;

// State of the current unit. Each thread has its own instance of the module, and so its own globals.
let headDim: u32, numVectors: u32, headsPerRow: u32;
let tileScratch: usize, queries: usize, scores: usize, results: usize, states: usize;
let blockTable: usize, blockSize: u32, kvHead: usize, tileStride: usize;
/** Written and never read, so that no compiler removes the reads of fetchLines. */
let fetched: u32;

// @ts-ignore: decorator
@inline
function positionOf(job: usize, row: u32): u32 {
  return load<u32>(<usize>load<u32>(job, attentionF16_positions) + (row << 2));
}

/** First position that the row sees. */
// @ts-ignore: decorator
@inline
function firstSeen(job: usize, position: u32): u32 {
  const window = load<u32>(job, attentionF16_window);
  return window == 0 || position < window ? 0 : position - window + 1;
}

// @ts-ignore: decorator
@inline
function tileAt(position: u32): usize {
  const blockId = load<u32>(blockTable + ((position / blockSize) << 2));
  const slot = blockId * blockSize + (position % blockSize);
  return kvHead + <usize>(slot >>> 4) * tileStride;
}

/** Copies the unit's query vectors, times `scale` (and rotated where the keys are). */
function prepareQueries<T>(job: usize, firstRow: u32, numRows: u32, head: u32, scale: f32): void {
  const stride = <usize>load<u32>(job, attentionF16_queryStride);
  const rowBytes = <usize>((headsPerRow * headDim) << 2), scales = f32x4.splat(scale);
  let source = <usize>load<u32>(job, attentionF16_query) + firstRow * stride + head * rowBytes, out = queries;
  for (let r: u32 = 0; r < numRows; r++) {
    let i: usize = 0;
    for (; i + 16 <= rowBytes; i += 16) v128.store(out + i, f32x4.mul(v128.load(source + i), scales));
    for (; i < rowBytes; i += 4) store<f32>(out + i, load<f32>(source + i) * scale);
    if (sizeof<T>() == 1 && isSigned<T>()) {
      for (let h: u32 = 0; h < headsPerRow; h++) rotateHead(out + <usize>((h * headDim) << 2), headDim);
    }
    source += stride;
    out += rowBytes;
  }
}

/**
 * Reads a word of every cache line that the f16 tiles of the next positions have at `offset`. WebAssembly has no prefetch; but
 * independent reads overlap, and the code that follows finds its lines in the cache.
 */
function fetchLines<T>(position: u32, end: u32, offset: u32): void {
  let words: u32 = 0;
  for (const last = min(end, position + tokensFetched); position < last; position += 16) {
    let at = tileAt(position) + offset;
    const tileEnd = at + dataBytes<T>(headDim);
    for (; at + 256 <= tileEnd; at += 256)
      words += load<u32>(at) + load<u32>(at, 64) + load<u32>(at, 128) + load<u32>(at, 192);
    for (; at < tileEnd; at += 64) words += load<u32>(at);
  }
  fetched = words;
}

/** Scores of all query vectors for positions [first, end), `first` a multiple of 16, one row each. */
function scorePositions<T>(first: u32, end: u32): void {
  for (let position = first; position < end; position += 16) {
    if (sizeof<T>() == 2 && (position - first) % tokensFetched == 0) fetchLines<T>(position, end, 0);
    const tile = tileAt(position), out = scores + <usize>((position - first) << 2);
    if (sizeof<T>() == 2) {
      scoreTile<u16>(queries, tile, out, numVectors, headDim);
    } else {
      loadKeys<T>(tile, headDim, tileScratch);
      scoreTile<f32>(queries, tileScratch, out, numVectors, headDim);
    }
  }
}

/**
 * Turns scores [firstColumn, endColumn) into e^(score − m) and the other columns of [0, columns) into zeros; m and the sum go to
 * `result`. f16 keys and values are read times 2^-112: the queries hold a factor 2^100 against it, the scores get 2^12 here, and
 * the weights of the values get 2^112. Powers of two change no bit of a number's fraction.
 */
function softmaxRow<T>(row: usize, columns: u32, firstColumn: u32, endColumn: u32, softcap: f32, result: usize): void {
  const begin = row + <usize>((firstColumn & ~3) << 2), end = row + <usize>(((endColumn + 3) & ~3) << 2);
  const wholeEnd = row + <usize>((endColumn & ~3) << 2), rowEnd = row + <usize>(columns << 2);
  for (let at = row; at < begin; at += 16) v128.store(at, f32x4.splat(0));
  for (let at = end; at < rowEnd; at += 16) v128.store(at, f32x4.splat(0));
  for (let at = begin; at < row + <usize>(firstColumn << 2); at += 4) store<f32>(at, -Infinity);
  for (let at = row + <usize>(endColumn << 2); at < end; at += 4) store<f32>(at, -Infinity);
  let factor = sizeof<T>() == 2 ? foldEnd : one;
  if (softcap > 0) {
    capScores(begin, end, factor, softcap);
    factor = one;
  }
  const m = largestOf(begin, end) * f32x4.extract_lane(factor, 0), minus = f32x4.splat(-m);
  const bias = sizeof<T>() == 2 ? i32x4.add(exponentBias, i32x4.splat(112)) : exponentBias;
  let sum = f32x4.splat(0), at = begin;
  if ((firstColumn & 3) != 0) {
    sum = f32x4.add(sum, weighSeen(at, factor, minus, bias));
    at += 16;
  }
  for (; at < wholeEnd; at += 16) {
    const weights = weighed(v128.load(at), factor, minus, bias);
    v128.store(at, weights);
    sum = f32x4.add(sum, weights);
  }
  if (at < end) sum = f32x4.add(sum, weighSeen(at, factor, minus, bias));
  startRecord(result, m, sumLanes(sum) * <f32>(sizeof<T>() == 2 ? wholeFoldInverse : 1.0), headDim);
}

// @ts-ignore: decorator
@inline
function weighed(scores: v128, factor: v128, minus: v128, bias: v128): v128 {
  return scaledExp4(f32x4.relaxed_max(f32x4.relaxed_madd(scores, factor, minus), expLowest), bias);
}

/** Four scores, of which some are invisible to the row: these are -Infinity here, and their weights become 0. */
function weighSeen(at: usize, factor: v128, minus: v128, bias: v128): v128 {
  const scores = v128.load(at);
  const weights = v128.and(weighed(scores, factor, minus, bias), f32x4.gt(scores, minusInfinity));
  v128.store(at, weights);
  return weights;
}

function largestOf(at: usize, end: usize): f32 {
  let largest = minusInfinity;
  for (; at < end; at += 16) largest = f32x4.relaxed_max(largest, v128.load(at));
  return maxLanes(largest);
}

/** s ← cap · tanh(s · factor / cap); invisible scores stay -Infinity. */
function capScores(at: usize, end: usize, factor: v128, cap: f32): void {
  const caps = f32x4.splat(cap);
  for (; at < end; at += 16) {
    const raw = v128.load(at), capped = f32x4.mul(caps, tanh4(f32x4.div(f32x4.mul(raw, factor), caps)));
    v128.store(at, v128.bitselect(capped, minusInfinity, f32x4.gt(raw, minusInfinity)));
  }
}

/** Adds the values of positions [first, end) times their weights to the results. */
function valuePositions<T>(first: u32, end: u32): void {
  const direct = sizeof<T>() == 2 && (headDim & 15) == 0, atOnce = direct ? tokensAtOnce : 16;
  for (let position = first; position < end; position += atOnce) {
    if (direct && (position - first) % tokensFetched == 0) fetchLines<T>(position, end, dataBytes<T>(headDim));
    const weights = scores + <usize>((position - first) << 2), numTokens = min<u32>(atOnce, end - position);
    if (direct) {
      for (let i: u32 = 0; i < numTokens; i += 16)
        store<u32>(tileScratch + (i >>> 2), <u32>(tileAt(position + i) + dataBytes<T>(headDim)));
      addValues<u16>(results, tileScratch, weights, numVectors, headDim, numTokens);
    } else {
      loadValues<T>(tileAt(position), headDim, tileScratch);
      addValues<f32>(results, tileScratch, weights, numVectors, headDim, numTokens);
    }
  }
}

/** One partition for all query vectors of the unit, into `results`. */
function runPartition<T>(job: usize, partition: u32, firstRow: u32, numRows: u32): void {
  const start = partition * tokensPerPartition;
  const lastPosition = positionOf(job, firstRow + numRows - 1);
  // Rows of an item are consecutive, so the first one sees the earliest position and the last one the latest.
  const first = max(start, firstSeen(job, positionOf(job, firstRow)) & ~15);
  const end = min(start + tokensPerPartition, lastPosition + 1);
  const columns = end > first ? (end - first + 3) & ~3 : 0;
  if (end > first) scorePositions<T>(first, end);
  const softcap = load<f32>(job, attentionF16_softcap);
  for (let v: u32 = 0; v < numVectors; v++) {
    const position = positionOf(job, firstRow + v / headsPerRow), seen = firstSeen(job, position);
    const from = seen > first ? seen - first : 0, to = position + 1 > first ? min(end, position + 1) - first : 0;
    const result = results + v * recordBytes(headDim);
    if (end <= first || to <= from) startRecord(result, -Infinity, 0, headDim);
    else softmaxRow<T>(scores + v * scoreRowBytes, columns, from, to, softcap, result);
    if (end > first && to <= from) memory.fill(scores + v * scoreRowBytes, 0, columns << 2);
  }
  if (end > first) valuePositions<T>(first, end);
}

/** Partitions [first, end) of rows [firstRow, firstRow + numRows), merged into their states one after another. */
function runPartitions<T>(job: usize, first: u32, end: u32, firstRow: u32, numRows: u32): void {
  for (let partition = first; partition < end; partition++) {
    runPartition<T>(job, partition, firstRow, numRows);
    for (let v: u32 = 0; v < numVectors; v++)
      mergeRecord(states + v * recordBytes(headDim), results + v * recordBytes(headDim), headDim);
  }
}

/** The partitions that rows of several slices do not share: those of each row from `first` on, in its own blocks. */
function runOwnPartitions<T>(job: usize, first: u32, firstRow: u32, numRows: u32): void {
  const allQueries = queries, allStates = states, allVectors = numVectors;
  const tableBytes = <usize>(load<u32>(job, attentionF16_maxBlocksPerSequence) << 2);
  numVectors = headsPerRow;
  for (let r: u32 = 0; r < numRows; r++) {
    const row = firstRow + r;
    runPartitions<T>(job, first, positionOf(job, row) / tokensPerPartition + 1, row, 1);
    queries += headsPerRow * headDim * 4;
    states += headsPerRow * recordBytes(headDim);
    blockTable += tableBytes;
  }
  queries = allQueries;
  states = allStates;
  numVectors = allVectors;
}

/** Partitions whose records are kept for another job to merge: `record` is the place of the first one's. */
function runApart<T>(job: usize, item: usize, record: u32): void {
  const first = load<u32>(item, 12), end = first + load<u32>(item, 16);
  const recordsApart = numVectors * load<u32>(job, attentionF16_numKvHeads);
  for (let partition = first; partition < end; partition++) {
    results = <usize>load<u32>(job, attentionF16_partials) + <usize>record * recordBytes(headDim);
    runPartition<T>(job, partition, load<u32>(item, 4), load<u32>(item, 8));
    record += recordsApart;
  }
}

function runUnit<T>(job: usize, item: usize, head: u32): void {
  const slice = load<u32>(item), firstRow = load<u32>(item, 4), numRows = load<u32>(item, 8);
  const firstPartition = load<u32>(item, 12), firstPartial = load<i32>(item, 20), numShared = load<u32>(item, 24);
  numVectors = numRows * headsPerRow;
  queries = tileScratch + <usize>(((headDim + 3) & ~3) << 6);
  scores = queries + <usize>((numVectors * headDim + 3) & ~3) * 4;
  results = scores + numVectors * scoreRowBytes;
  states = results + numVectors * recordBytes(headDim);
  blockTable = <usize>load<u32>(job, attentionF16_blockTables)
    + <usize>((slice * load<u32>(job, attentionF16_maxBlocksPerSequence)) << 2);
  kvHead = <usize>load<u32>(job, attentionF16_kv) + <usize>(head * headBytes<T>(headDim));
  const keyFold: f32 = sizeof<T>() == 2 ? 1267650600228229401496703205376.0 : 1.0;
  prepareQueries<T>(job, firstRow, numRows, head, load<f32>(job, attentionF16_scale) * keyFold);
  if (firstPartial >= 0) return runApart<T>(job, item, <u32>firstPartial + head * numVectors);
  for (let v: u32 = 0; v < numVectors; v++) startRecord(states + v * recordBytes(headDim), -Infinity, 0, headDim);
  const together = numShared > 0 ? numShared : load<u32>(item, 16);
  runPartitions<T>(job, firstPartition, firstPartition + together, firstRow, numRows);
  if (numShared > 0) runOwnPartitions<T>(job, numShared, firstRow, numRows);
  storeOutputs<T>(job, firstRow, head);
}

function storeOutputs<T>(job: usize, firstRow: u32, head: u32): void {
  const out = <usize>load<u32>(job, attentionF16_out), outStride = <usize>load<u32>(job, attentionF16_outStride);
  for (let v: u32 = 0; v < numVectors; v++) {
    const column = <usize>(((head * headsPerRow + v % headsPerRow) * headDim) << 2);
    const at = out + (firstRow + v / headsPerRow) * outStride + column;
    storeOutput(at, states + v * recordBytes(headDim), headDim, sizeof<T>() == 1 && isSigned<T>());
  }
}

function attention<T>(job: usize): void {
  headDim = load<u32>(job, attentionF16_headDim);
  headsPerRow = load<u32>(job, attentionF16_queryHeadsPerKvHead);
  blockSize = load<u32>(job, attentionF16_blockSize);
  tileScratch = load<u32>(job, attentionF16_scratch);
  const numKvHeads = load<u32>(job, attentionF16_numKvHeads);
  tileStride = <usize>(numKvHeads * headBytes<T>(headDim));
  const items = <usize>load<u32>(job, attentionF16_items);
  for (let unit = load<u32>(job, job_start), end = load<u32>(job, job_end); unit < end; unit++)
    runUnit<T>(job, items + <usize>((unit / numKvHeads) << 5), unit % numKvHeads);
}

export function attentionF16(job: usize): void {
  attention<u16>(job);
}

export function attentionInt8(job: usize): void {
  attention<u8>(job);
}

export function attentionInt4(job: usize): void {
  attention<i8>(job);
}

/** Merges the partial records of each unit's partitions in order; the first record becomes the running result. */
export function attentionMerge(job: usize): void {
  const dim = load<u32>(job, attentionMerge_headDim), heads = load<u32>(job, attentionMerge_queryHeadsPerKvHead);
  const numKvHeads = load<u32>(job, attentionMerge_numKvHeads), partials = <usize>load<u32>(job, attentionMerge_partials);
  const out = <usize>load<u32>(job, attentionMerge_out), outStride = <usize>load<u32>(job, attentionMerge_outStride);
  for (let unit = load<u32>(job, job_start), end = load<u32>(job, job_end); unit < end; unit++) {
    const item = <usize>load<u32>(job, attentionMerge_items) + <usize>((unit / numKvHeads) << 5);
    const head = unit % numKvHeads, firstRow = load<u32>(item, 4), vectors = load<u32>(item, 8) * heads;
    const numPartitions = load<u32>(item, 16), firstPartial = load<u32>(item, 20);
    for (let v: u32 = 0; v < vectors; v++) {
      const first = partials + <usize>(firstPartial + head * vectors + v) * recordBytes(dim);
      for (let i: u32 = 1; i < numPartitions; i++)
        mergeRecord(first, first + <usize>(i * vectors * numKvHeads) * recordBytes(dim), dim);
      const column = <usize>(((head * heads + v % heads) * dim) << 2);
      const at = out + (firstRow + v / heads) * outStride + column;
      storeOutput(at, first, dim, load<i32>(job, attentionMerge_rotated) != 0);
    }
  }
}
