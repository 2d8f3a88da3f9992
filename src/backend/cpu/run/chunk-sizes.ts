/**
 * @module How many units of a phase a thread takes at a time.
 *
 * A thread takes its share of a product in ever smaller pieces. The first one is long, since the end of a chunk costs as much as
 * reading 8 KiB of weights; the last ones are small, since all threads wait for the one that finishes last.
 *
 *   a thread's own share   ├──────────── 3/4 of it ────────────┼─ 3/4 of the rest ─┼──┼─┤
 *   taken by others                                             half of what is left
 */
import { tokensPerPack } from "../footprint/workspace-layout.ts";

/** Rows, and row packs of products with many rows, come in about this many chunks a thread. */
const chunksPerThread = 16;
/** A chunk of a product with fewer multiply-adds costs more to claim than it saves: a few microseconds of work. */
const fewestMacs = 32_768;
/** Largest chunk, in multiply-adds. A thread that is suspended delays the others by its chunk: some 100 µs of one row's product. */
const mostMacs = 4_000_000;
const ownPart = 3 / 4;
const othersPart = 1 / 2;

/**
 * Rows of a chunk. The quantized rows of a token pack are interleaved, and two threads that write into the same cache lines
 * wait for each other at every word.
 */
export function rowsOfChunk(numRows: number, numThreads: number): number {
  const fairRows = Math.floor(numRows / (numThreads * chunksPerThread));
  const wholeTokenPacks = tokensPerPack * Math.max(1, Math.ceil(fairRows / tokensPerPack));
  return Math.min(Math.ceil(numRows / numThreads), wholeTokenPacks);
}

/** Fewest row packs of a chunk. @param rowPackMacs multiply-adds of a row pack and all rows. An even number, because kernels take row packs in pairs. */
export function fewestRowPacks(rowPackMacs: number): number {
  return even(Math.ceil(fewestMacs / rowPackMacs) + 1);
}

/** Most row packs of a chunk, of `numRowPacks` that `numThreads` share out. */
export function mostRowPacks(numRowPacks: number, rowPackMacs: number, numThreads: number): number {
  const fairRowPacks = numRowPacks / (numThreads * chunksPerThread);
  return Math.max(fewestRowPacks(rowPackMacs), even(Math.max(fairRowPacks, mostMacs / rowPackMacs)));
}

/** Row packs to take of a share of which `numLeft` are left. */
export function rowPacksToTake(numLeft: number, isOwn: boolean, fewest: number, most: number): number {
  return Math.max(fewest, Math.min(most, even(numLeft * (isOwn ? ownPart : othersPart))));
}

/** The largest even number up to `value`. */
function even(value: number): number {
  return 2 * Math.floor(value / 2);
}
