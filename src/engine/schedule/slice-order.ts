/**
 * @module Decodes in an order that lets sequences with a common prefix lie side by side in a step.
 *
 * Attention reads what neighbouring sequences share once for all of them, in whole partitions of positions. Nothing else
 * depends on the order within a step: texts and logits do not, and who is planned was decided before.
 */
import { tokensPerPartition } from "../../backend/cpu/footprint/workspace-layout.ts";
import type { BlockTable } from "../kv/block-table.ts";
import type { SequenceSlice } from "./step-plan.ts";

/** Sorts `slices` in place by the blocks that end their partitions; those that share none keep their order. */
export function orderByPrefix(slices: SequenceSlice[], blockSize: number): void {
  if (slices.length < 3) return;
  const stride = Math.max(1, Math.floor(tokensPerPartition / blockSize));
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
