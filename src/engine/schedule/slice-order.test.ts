import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BlockTable } from "../kv/block-table.ts";
import type { SequenceSlice } from "../step/step-plan.ts";
import { orderByPrefix } from "./slice-order.ts";

const blockSize = 128;
const sharedPrefixTokens = 512;
const blocksPerPartition = sharedPrefixTokens / blockSize;

/** A decode of a sequence that begins with the blocks of `partitions` and has three of its own, from 1000 · id on. */
function decodeOf(id: number, partitions: readonly number[]): SequenceSlice {
  const table = new BlockTable();
  for (const partition of partitions)
    for (let i = 0; i < blocksPerPartition; i++) table.append(partition * blocksPerPartition + i);
  for (let i = 0; i < 3; i++) table.append(1000 * id + i);
  return { sequence: { id, table } } as unknown as SequenceSlice;
}

function orderOf(slices: SequenceSlice[], granularity = sharedPrefixTokens): number[] {
  orderByPrefix(slices, granularity, blockSize);
  return slices.map(({ sequence }) => Math.floor(sequence.table.at(sequence.table.numBlocks - 1) / 1000));
}

describe("decodes of a step", () => {
  it("with a common prefix follow each other, the longest common prefix closest", () => {
    const decodes = [[7], [2], [7, 8], [2], [7], [7, 8]].map((partitions, i) => decodeOf(i + 1, partitions));
    assert.deepEqual(orderOf(decodes), [2, 4, 3, 6, 1, 5]);
  });

  it("that share no whole partition keep their order", () => {
    assert.deepEqual(orderOf([5, 3, 9, 1].map((id) => decodeOf(id, []))), [5, 3, 9, 1]);
  });

  it("keep their order where the backend reads nothing once for several", () => {
    const decodes = [[7], [2], [7], [2]].map((partitions, i) => decodeOf(i + 1, partitions));
    assert.deepEqual(orderOf(decodes, 0), [1, 2, 3, 4]);
  });
});
