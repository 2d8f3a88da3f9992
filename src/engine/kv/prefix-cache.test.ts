import assert from "node:assert/strict";
import { test } from "node:test";
import { PrefixCache, rootBlock } from "./prefix-cache.ts";

const numBlocks = 64;
const blockSize = 16;
const tokens = new Int32Array(blockSize).fill(7);

/** Every block holds the same tokens, each after the one before: only the parent tells them apart. */
function chain(): PrefixCache {
  const cache = new PrefixCache(numBlocks, blockSize);
  for (let blockId = 0; blockId < numBlocks; blockId++) cache.insert(blockId, blockId - 1, tokens, 0);
  return cache;
}

test("equal tokens after different beginnings are different blocks, whatever bucket they share", () => {
  const cache = chain();
  for (let blockId = 0; blockId < numBlocks; blockId++)
    assert.equal(cache.find(blockId - 1, tokens, 0), blockId);
  assert.equal(cache.find(numBlocks - 1, tokens, 0), null);
});

test("removing any block of a bucket leaves the others", () => {
  const cache = chain();
  for (let blockId = numBlocks - 1; blockId >= 0; blockId--) {
    cache.remove(blockId);
    assert.equal(cache.has(blockId), false);
    assert.equal(cache.find(blockId - 1, tokens, 0), null);
    if (blockId > 0) assert.equal(cache.find(blockId - 2, tokens, 0), blockId - 1);
  }
});

test("a block cannot leave before the ones that follow it", () => {
  const cache = chain();
  assert.throws(() => cache.remove(0), /left the cache before its children/);
  assert.equal(cache.find(rootBlock, tokens, 0), 0);
});

test("tokens are compared from any offset", () => {
  const cache = chain();
  const text = Int32Array.from([1, 2, ...tokens]);
  assert.equal(cache.find(rootBlock, text, 2), 0);
  assert.equal(cache.find(rootBlock, text, 1), null);
});
