import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StepInputs } from "../../backend.ts";
import { maxItemRows, tokensPerPartition } from "../footprint/workspace-layout.ts";
import { attentionItem } from "../kernels/jobs.ts";
import { AttentionItems } from "./attention-items.ts";

const blockSize = 16;
const blocksPerPartition = tokensPerPartition / blockSize;

/** `numTokens` tokens that end at position `last`; the sequence begins with `numShared` blocks of prefix `prefix`. */
interface SliceShape {
  readonly numTokens: number;
  readonly last: number;
  readonly prefix?: number;
  readonly numShared?: number;
}

/** Only the inputs that attention items are made from. */
function inputsOf(slices: readonly SliceShape[]): StepInputs {
  const positions = slices.flatMap(({ numTokens, last }) =>
    Array.from({ length: numTokens }, (_, i) => last - numTokens + 1 + i),
  );
  const sliceStarts = [0];
  for (const { numTokens } of slices) sliceStarts.push((sliceStarts.at(-1) ?? 0) + numTokens);
  const maxBlocksPerSequence = Math.max(...slices.map(({ last }) => Math.floor(last / blockSize) + 1));
  // No two sequences have block ids in common, apart from their prefixes.
  const blockTables = slices.flatMap(({ prefix = 0, numShared = 0 }, slice) =>
    Array.from(
      { length: maxBlocksPerSequence },
      (_, i) => (i < numShared ? 1000 + prefix : slice) * maxBlocksPerSequence + i,
    ),
  );
  const inputs = {
    numTokens: positions.length,
    numSlices: slices.length,
    positions: Int32Array.from(positions),
    sliceStarts: Int32Array.from(sliceStarts),
    blockTables: Int32Array.from(blockTables),
    maxBlocksPerSequence,
  };
  return inputs as unknown as StepInputs;
}

function itemsOf(slices: readonly SliceShape[], { maxPartials = 10_000, hasWindow = false } = {}) {
  const [table, mergeTable] = [new Int32Array(8 * 256), new Int32Array(8 * 4)];
  const items = new AttentionItems(table, mergeTable, {
    numThreads: 2,
    numKvHeads: 3,
    numHeads: 9,
    maxPartials,
    blockSize,
    hasWindow,
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
      numShared: word(attentionItem.numShared),
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
      { slice: 0, firstRow: 0, numRows: 1, firstPartition: 0, numPartitions, firstPartial: 0, numShared: 0 },
    ]);
  });

  it("are not cut if the partial records do not fit", () => {
    const { items, mergeItems } = itemsOf([{ numTokens: 1, last: 16 * tokensPerPartition - 1 }], {
      maxPartials: 100,
    });
    assert.equal(items.length, 1);
    assert.equal(items[0]?.firstPartial, -1);
    assert.deepEqual(mergeItems, []);
  });

  it("are not cut if there are enough of them", () => {
    const slices = Array.from({ length: 32 }, () => ({ numTokens: 1, last: 4 * tokensPerPartition - 1 }));
    const { items, mergeItems } = itemsOf(slices);
    assert.equal(items.length, 32);
    assert.deepEqual(mergeItems, []);
  });

  /** 12 sequences of one token each that share `numShared` blocks, alternating between two prefixes. */
  const sharing = (numShared: number, numPrefixes: number): SliceShape[] =>
    Array.from({ length: 12 }, (_, i) => ({
      numTokens: 1,
      last: 2 * tokensPerPartition + 5 * i,
      prefix: Math.floor((i * numPrefixes) / 12),
      numShared,
    }));

  it("join neighbours that share whole partitions, and no others", () => {
    const { items } = itemsOf(sharing(2 * blocksPerPartition - 1, 2));
    assert.deepEqual(
      items.map(({ slice, firstRow, numRows, numShared }) => [slice, firstRow, numRows, numShared]),
      [
        [0, 0, 4, 1],
        [4, 4, 2, 1],
        [6, 6, 4, 1],
        [10, 10, 2, 1],
      ],
    );
    assert.ok(items.every(({ numPartitions, firstPartial }) => numPartitions === 3 && firstPartial === -1));
  });

  it("join for as many partitions as are shared", () => {
    const { items } = itemsOf(sharing(2 * blocksPerPartition, 1));
    assert.deepEqual(
      items.map(({ numRows, numShared }) => [numRows, numShared]),
      [
        [4, 2],
        [4, 2],
        [4, 2],
      ],
    );
  });

  it("do not join for less than a partition, with windows, or if threads would get too few items", () => {
    const single = (slices: readonly SliceShape[], hasWindow = false): boolean =>
      itemsOf(slices, { hasWindow }).items.every(
        ({ numRows, numShared }) => numRows === 1 && numShared === 0,
      );
    assert.ok(single(sharing(blocksPerPartition - 1, 1)));
    assert.ok(single(sharing(2 * blocksPerPartition, 1), true));
    assert.ok(single(sharing(2 * blocksPerPartition, 1).slice(0, 5)));
  });

  it("do not join for a partition that a row sees only in part", () => {
    const { items } = itemsOf(
      Array.from({ length: 12 }, () => ({
        numTokens: 1,
        last: tokensPerPartition - 2,
        numShared: blocksPerPartition,
      })),
    );
    assert.equal(items.length, 12);
  });
});
