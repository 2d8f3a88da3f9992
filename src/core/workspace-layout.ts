/**
 * @module Sizes of what a CPU step needs besides weights and KV cache: quantised activations, attention partials,
 * scratch of a thread. Kernels (`backend/cpu/jobs.ts`) and the footprint share them.
 */
import { groupWidth } from "./weight-layout.ts";

/** One job block of `backend/cpu/jobs.ts`. */
export const jobBytes = 192;

export const tokensPerQuad = 4;
const bytesPerQuadGroup = 160;

/**
 * Bytes of `numTokens` quantised activation rows of `width` (a multiple of 32). Tokens lie in quads (tokens 4i … 4i+3,
 * the last quad padded), a quad is width/32 groups one after another:
 *
 *   quad group, 160 bytes
 *   ├ data    8 vectors of 16 bytes: byte 4c+i of vector j = q[token c][k = 4j+i], signed, |q| ≤ 127
 *   ├ scales  4 × f32  (token 0 … token 3)     scale = max|x| / 127 over the group
 *   └ sums    4 × f32  Σ q of the group, a whole number
 *
 * Each token's numbers depend on its own row alone; a quad's padding columns keep whatever was there.
 *
 * A product with a quantised matrix is, for every kernel set and any number of tokens, over groups g in order
 *   acc ← fma(ws·xs, dot, acc);  acc ← fma(wmin, xs·sum, acc)      with the exact integer dot = Σ q_w·q_x
 * (products in f32; fma is one rounding where the processor has it).
 */
export function quantizedBytes(numTokens: number, width: number): number {
  return Math.ceil(numTokens / tokensPerQuad) * (width / groupWidth) * bytesPerQuadGroup;
}

/** KV positions are summed in partitions of this many tokens, counted from position 0, and partitions in order. */
export const tokensPerPartition = 512;

/** Most query rows in one attention item. */
export const maxItemRows = 4;

/** Words of an attention work item (`backend/cpu/jobs.ts`). */
export const attentionItemWords = 8;

/** Bytes of one partial record: maximum, sum, two words of padding, then headDim f32. */
export function partialRecordBytes(headDim: number): number {
  return 4 * (4 + headDim);
}

/** K or V tile in f32, scores of a partition and running results of every query vector of an item. */
export function attentionScratchBytes(headDim: number, queryHeadsPerKvHead: number): number {
  const numVectors = maxItemRows * queryHeadsPerKvHead;
  const tile = 16 * headDim;
  const perVector = headDim + tokensPerPartition + 2 * (4 + headDim);
  return roundUp64(4 * (tile + numVectors * perVector));
}

export function storeKvScratchBytes(headDim: number): number {
  return roundUp64(4 * headDim);
}

export function sampleScratchBytes(vocabularyWidth: number): number {
  return roundUp64(8 * vocabularyWidth);
}

/** Eight rows of one 256-wide block, in f32. */
export const repackScratchBytes = 8 * 256 * 4;

/** Everything in an arena begins at a multiple of 64: one cache line, one widest vector. */
export function roundUp64(numBytes: number): number {
  return Math.ceil(numBytes / 64) * 64;
}
