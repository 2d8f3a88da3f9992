/**
 * @module Sizes of what a CPU step needs besides weights and KV cache: quantized activations, attention partials,
 * scratch of a thread. Kernels (`backend/cpu/kernels/jobs.ts`) and the footprint share them.
 */
import { groupWidth } from "../../../core/weight-storage.ts";

/** One job block of `backend/cpu/kernels/jobs.ts`. */
export const jobBytes = 192;

export const tokensPerPack = 4;
const bytesPerTokenPackGroup = 160;

/**
 * Bytes of `numTokens` quantized activation rows of `width` (a multiple of 32). Tokens 4i … 4i+3 form a token pack; the last
 * one is padded. A token pack is width/32 groups, one after another:
 *
 *   group of a token pack, 160 bytes
 *   ├ data    8 vectors of 16 bytes: byte 4c+i of vector j = q[token c][k = 4j+i], signed, |q| ≤ 127
 *   ├ scales  4 × f32  (token 0 … token 3)     scale = max|x| / 127 over the group
 *   └ sums    4 × f32  Σ q of the group, a whole number
 *
 * Each token's numbers depend on its own row alone; the padding of a token pack is never written.
 *
 * A product with a quantized matrix is, for every kernel set and any number of tokens, over groups g in order
 *   acc ← fma(ws·xs, dot, acc);  acc ← fma(wmin, xs·sum, acc)      with the exact integer dot = Σ q_w·q_x
 * (products in f32; fma is one rounding where the processor has it).
 */
export function quantizedBytes(numTokens: number, width: number): number {
  return Math.ceil(numTokens / tokensPerPack) * (width / groupWidth) * bytesPerTokenPackGroup;
}

/** Attention sums KV positions in partitions of this many tokens, counted from position 0, and merges partitions in order. */
export const tokensPerPartition = 512;

/** Most query rows in one attention item. */
export const maxItemRows = 4;

/** Words of an attention work item (`backend/cpu/kernels/jobs.ts`). */
export const attentionItemWords = 8;

/** Bytes of one partial record: maximum, sum, two words of padding, then headDim f32 (rounded up to 4). */
export function partialRecordBytes(headDim: number): number {
  return 4 * (4 + roundUp4(headDim));
}

/** K or V tile in f32, then per query vector of an item: the query, a partition's scores, its result, the running result. */
export function attentionScratchBytes(headDim: number, queryHeadsPerKvHead: number): number {
  const numVectors = maxItemRows * queryHeadsPerKvHead;
  const tileBytes = 4 * 16 * roundUp4(headDim);
  const perVectorBytes = 4 * roundUp4(headDim) + 4 * tokensPerPartition + 2 * partialRecordBytes(headDim);
  return roundUp64(tileBytes + numVectors * perVectorBytes);
}

export function storeKvScratchBytes(headDim: number): number {
  return roundUp64(4 * headDim);
}

/** The logits that biases and penalties overwrote (at most one of each per token), and candidates with their weights. */
export function sampleScratchBytes(vocabularyWidth: number): number {
  return roundUp64(16 * vocabularyWidth);
}

/** One group of a row: as f32, as integers, and its scale and minimum. */
export const repackScratchBytes = 192;

/** Everything in an arena begins at a multiple of 64: one cache line, one widest vector. */
export function roundUp64(numBytes: number): number {
  return Math.ceil(numBytes / 64) * 64;
}

function roundUp4(value: number): number {
  return Math.ceil(value / 4) * 4;
}
