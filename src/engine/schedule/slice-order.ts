/**
 * @module Orders the decodes of a step so that sequences with a common prefix are neighbours.
 *
 * A backend may read a prefix that neighbouring sequences share once for all of them (`LoadedModel.sharedPrefixTokens`).
 * The order within a step changes nothing else: texts, logits and the choice of slices stay the same.
 */
import type { BlockTable } from "../kv/block-table.ts";
import type { SequenceSlice } from "../step/step-plan.ts";

/**
 * Sorts `slices` in place by the blocks that end each `sharedPrefixTokens` tokens of a sequence; slices that share none of
 * these keep their order, and so do all where it is 0.
 */
export function orderByPrefix(slices: SequenceSlice[], sharedPrefixTokens: number, blockSize: number): void {
  if (slices.length < 3 || sharedPrefixTokens === 0) return;
  const stride = Math.max(1, Math.floor(sharedPrefixTokens / blockSize));
  slices.sort((a, b) => comparePrefixes(a.sequence.table, b.sequence.table, stride));
}

/** Block by block in steps of `stride`; a table that ends within the other's prefix comes after it. */
function comparePrefixes(a: BlockTable, b: BlockTable, stride: number): number {
  for (let i = stride - 1; i < a.numBlocks && i < b.numBlocks; i += stride) {
    const difference = a.at(i) - b.at(i);
    if (difference !== 0) return difference;
  }
  return Math.floor(b.numBlocks / stride) - Math.floor(a.numBlocks / stride);
}
