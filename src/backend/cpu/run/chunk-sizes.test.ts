import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fewestRowPacks, mostRowPacks, rowPacksToTake, rowsOfChunk } from "./chunk-sizes.ts";

/** The chunks in which a thread takes a share that no other thread touches. */
function chunksOf(share: number, numRowPacks: number, rowPackMacs: number, isOwn = true): number[] {
  const [fewest, most] = [fewestRowPacks(rowPackMacs), mostRowPacks(numRowPacks, rowPackMacs, 2)];
  const chunks: number[] = [];
  for (let numLeft = share; numLeft > 0; numLeft -= chunks.at(-1) ?? numLeft)
    chunks.push(rowPacksToTake(numLeft, isOwn, fewest, most));
  return chunks;
}

describe("chunks of a product", () => {
  it("become smaller towards the end of a share", () => {
    assert.deepEqual(chunksOf(192, 384, 8 * 576), [144, 36, 8, 8]);
    assert.deepEqual(chunksOf(36, 72, 8 * 576), [26, 8, 8]);
    assert.deepEqual(chunksOf(192, 384, 8 * 576, false).slice(0, 3), [96, 48, 24]);
  });

  it("are even and at least two", () => {
    for (const rowPackMacs of [100, 4608, 12_288, 40_000, 5_000_000])
      for (const share of [1, 2, 7, 36, 3072])
        for (const chunk of chunksOf(share, 2 * share, rowPackMacs)) {
          assert.equal(chunk % 2, 0);
          assert.ok(chunk >= 2);
        }
  });

  it("are a sixteenth of a share if there are many rows", () => {
    assert.equal(Math.max(...chunksOf(192, 384, 512 * 8 * 576)), 12);
  });
});

describe("chunks of rows", () => {
  it("are whole token packs of at least a sixteenth of a share", () => {
    assert.equal(rowsOfChunk(512, 2), 16);
    assert.equal(rowsOfChunk(100, 2), 4);
  });

  it("leave some rows for every thread if there are few", () => {
    assert.equal(rowsOfChunk(3, 2), 2);
    assert.equal(rowsOfChunk(1, 2), 1);
  });
});
