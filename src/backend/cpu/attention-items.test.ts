import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maxItemRows, tokensPerPartition } from "../../core/workspace-layout.ts";
import type { StepInputs } from "../backend.ts";
import { AttentionItems } from "./attention-items.ts";
import { attentionItem } from "./jobs.ts";

/** Only what attention items are made of: slices of `numTokens` tokens that end at position `last`. */
function inputsOf(slices: readonly { readonly numTokens: number; readonly last: number }[]): StepInputs {
  const positions = slices.flatMap(({ numTokens, last }) =>
    Array.from({ length: numTokens }, (_, i) => last - numTokens + 1 + i),
  );
  const sliceStarts = [0];
  for (const { numTokens } of slices) sliceStarts.push((sliceStarts.at(-1) ?? 0) + numTokens);
  const inputs = {
    numTokens: positions.length,
    numSlices: slices.length,
    positions: Int32Array.from(positions),
    sliceStarts: Int32Array.from(sliceStarts),
  };
  return inputs as unknown as StepInputs;
}

function itemsOf(slices: Parameters<typeof inputsOf>[0], maxPartials = 10_000) {
  const [table, mergeTable] = [new Int32Array(8 * 256), new Int32Array(8 * 4)];
  const items = new AttentionItems(table, mergeTable, {
    numThreads: 2,
    numKvHeads: 3,
    numHeads: 9,
    maxPartials,
  });
  items.build(inputsOf(slices));
  const read = (from: Int32Array, index: number) => {
    const word = (field: number): number => from[index * attentionItem.words + field] ?? -1;
    return {
      slice: word(attentionItem.slice),
      firstRow: word(attentionItem.firstRow),
      numRows: word(attentionItem.numRows),
      firstPartition: word(attentionItem.firstPartition),
      numPartitions: word(attentionItem.numPartitions),
      firstPartial: word(attentionItem.firstPartial),
    };
  };
  return {
    items: Array.from({ length: items.numItems }, (_, i) => read(table, i)),
    mergeItems: Array.from({ length: items.numMergeItems }, (_, i) => read(mergeTable, i)),
  };
}

describe("attention items", () => {
  it("cover every row once and never join two slices", () => {
    const { items } = itemsOf([
      { numTokens: 10, last: 9 },
      { numTokens: 1, last: 70 },
      { numTokens: 5, last: 4 },
    ]);
    const rows = items.flatMap(({ firstRow, numRows, slice }) =>
      Array.from({ length: numRows }, (_, i) => [slice, firstRow + i]),
    );
    const expected = [...Array(16).keys()].map((row) => [row < 10 ? 0 : row < 11 ? 1 : 2, row]);
    assert.deepEqual(rows, expected);
    assert.ok(items.every(({ numRows }) => numRows <= maxItemRows));
  });

  it("cut one long sequence by partitions, without gap or overlap, and merge all of it", () => {
    const numPartitions = 16;
    const { items, mergeItems } = itemsOf([{ numTokens: 1, last: numPartitions * tokensPerPartition - 1 }]);
    assert.ok(items.length > 1);
    let next = 0;
    for (const item of items) {
      assert.equal(item.firstPartition, next);
      assert.equal(item.firstPartial, next * 9);
      next += item.numPartitions;
    }
    assert.equal(next, numPartitions);
    assert.deepEqual(mergeItems, [
      { slice: 0, firstRow: 0, numRows: 1, firstPartition: 0, numPartitions, firstPartial: 0 },
    ]);
  });

  it("stay whole where the partial records do not fit", () => {
    const { items, mergeItems } = itemsOf([{ numTokens: 1, last: 16 * tokensPerPartition - 1 }], 100);
    assert.equal(items.length, 1);
    assert.equal(items[0]?.firstPartial, -1);
    assert.deepEqual(mergeItems, []);
  });

  it("stay whole where there are enough of them", () => {
    const slices = Array.from({ length: 32 }, () => ({ numTokens: 1, last: 4 * tokensPerPartition - 1 }));
    const { items, mergeItems } = itemsOf(slices);
    assert.equal(items.length, 32);
    assert.deepEqual(mergeItems, []);
  });
});
