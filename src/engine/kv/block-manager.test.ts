import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BlockManager } from "./block-manager.ts";
import { BlockTable } from "./block-table.ts";

const blockSize = 16;

/** Tokens: `shared` of one text, then `own` of another. */
function text(shared: number, own = 0, seed = 1000): Int32Array {
  return Int32Array.from({ length: shared + own }, (_, i) => (i < shared ? i : seed + i));
}

function pool(numBlocks: number, prefixCaching = true): BlockManager {
  return new BlockManager({ numBlocks, blockSize, prefixCaching });
}

/** Looks up, reserves, computes and publishes a whole text, as a prefill would; null where the blocks do not suffice. */
function prefill(blocks: BlockManager, tokens: Int32Array, numTokens = tokens.length): BlockTable | null {
  const table = new BlockTable();
  const numCached = blocks.attachCached(table, tokens, numTokens - 1) * blockSize;
  if (!blocks.reserve(table, numCached, numTokens, [])) {
    blocks.release(table);
    return null;
  }
  blocks.publish(table, tokens, numTokens);
  return table;
}

const idsOf = (table: BlockTable | null): number[] =>
  table === null ? [] : Array.from(table.blockIds.subarray(0, table.numBlocks));

/** The order in which the pool would hand out everything it has. */
function takeAll(blocks: BlockManager): number[] {
  const table = new BlockTable();
  assert.ok(blocks.reserve(table, 0, blocks.numAvailable * blockSize, []));
  return idsOf(table);
}

// The cases of vLLM's tests/v1/core/test_prefix_caching.py that apply; its block 0 is a null block, so ids are one less.
describe("prefix cache: upstream cases", () => {
  test("a second prompt reuses full blocks; freed blocks are taken worthless first, then tails first", () => {
    const blocks = pool(10);
    const first = prefill(blocks, text(48, 7));
    assert.deepEqual(idsOf(first), [0, 1, 2, 3]);
    const second = prefill(blocks, text(48, 5, 2000));
    assert.deepEqual(idsOf(second), [0, 1, 2, 4]);
    assert.equal(blocks.numAvailable, 5);
    assert.deepEqual(
      [0, 1, 2, 3].map((id) => blocks.references(id)),
      [2, 2, 2, 1],
    );
    for (const table of [first, second]) blocks.release(table as BlockTable);
    assert.deepEqual(idsOf(prefill(blocks, text(48, 6, 3000))), [0, 1, 2, 4]);
  });

  test("everything is handed out in the order worthless, then least recently used", () => {
    const blocks = pool(10);
    const first = prefill(blocks, text(48, 7)) as BlockTable;
    const second = prefill(blocks, text(48, 5, 2000)) as BlockTable;
    blocks.release(first);
    blocks.release(second);
    assert.deepEqual(takeAll(blocks), [4, 3, 5, 6, 7, 8, 9, 2, 1, 0]);
  });

  test("filling a block allocates nothing, crossing into the next allocates one", () => {
    const blocks = pool(10);
    const tokens = text(64, 40);
    const table = prefill(blocks, tokens, 55) as BlockTable;
    assert.ok(blocks.reserve(table, 55, 59, []));
    assert.equal(table.numBlocks, 4);
    assert.ok(blocks.reserve(table, 59, 74, []));
    assert.equal(table.numBlocks, 5);
    blocks.publish(table, tokens, 74);
    assert.equal(table.numPublished, 4);
    assert.equal(blocks.match(tokens, 74).numBlocks, 4);
  });

  test("eviction order over two requests", () => {
    const blocks = pool(10);
    const first = prefill(blocks, text(0, 5 * 16 + 7, 100)) as BlockTable;
    const second = prefill(blocks, text(0, 3 * 16, 5000)) as BlockTable;
    assert.equal(blocks.numAvailable, 1);
    blocks.release(first);
    assert.deepEqual(blocks.evictionOrder(), [4, 3, 2, 1, 0]);
    blocks.release(second);
    assert.deepEqual(blocks.evictionOrder(), [4, 3, 2, 1, 0, 8, 7, 6]);
    const third = text(0, 5 * 16 + 7, 100).slice(0, 35);
    assert.deepEqual(idsOf(prefill(blocks, third)), [0, 1, 5]);
    assert.equal(blocks.numAvailable, 7);
  });

  test("a recycled block forgets its text", () => {
    const blocks = pool(1);
    blocks.release(prefill(blocks, text(16)) as BlockTable);
    assert.equal(blocks.match(text(16), 16).numBlocks, 1);
    const table = prefill(blocks, text(0, 15)) as BlockTable;
    blocks.release(table);
    assert.equal(blocks.match(text(16), 16).numBlocks, 0);
  });

  test("blocks taken from the cache are safe from the same request's allocations", () => {
    const blocks = pool(2);
    blocks.release(prefill(blocks, text(16)) as BlockTable);
    blocks.release(prefill(blocks, text(0, 16, 700)) as BlockTable);
    const table = prefill(blocks, text(17));
    assert.deepEqual(idsOf(table), [0, 1]);
    assert.equal(blocks.match(text(0, 16, 700), 16).numBlocks, 0);
  });

  test("too few blocks beside the cached ones: nothing changes", () => {
    const blocks = pool(10);
    const held = prefill(blocks, text(48, 0)) as BlockTable;
    const other = prefill(blocks, text(0, 48, 800)) as BlockTable;
    blocks.release(held);
    const before = blocks.evictionOrder();
    assert.equal(prefill(blocks, text(48, 6 * 16 + 1, 900)), null);
    assert.deepEqual(blocks.evictionOrder(), before);
    assert.deepEqual(
      idsOf(other).map((id) => blocks.references(id)),
      [1, 1, 1],
    );
  });

  test("without prefix caching nothing is found and a short pool refuses", () => {
    const blocks = pool(4, false);
    const first = prefill(blocks, text(48)) as BlockTable;
    assert.equal(blocks.match(text(48), 48).numBlocks, 0);
    assert.equal(prefill(blocks, text(48)), null);
    blocks.release(first);
    assert.deepEqual([blocks.numFree, blocks.numCached], [4, 0]);
  });

  test("the whole of a cached prompt of k blocks gives k - 1: its last token is always computed", () => {
    const blocks = pool(10);
    blocks.release(prefill(blocks, text(48)) as BlockTable);
    assert.equal(blocks.match(text(48), 47).numBlocks, 2);
  });

  test("dropping the cache leaves referenced blocks alone", () => {
    const blocks = pool(10);
    const first = prefill(blocks, text(48, 7)) as BlockTable;
    const second = prefill(blocks, text(0, 40, 300)) as BlockTable;
    blocks.release(second);
    blocks.dropCached();
    assert.deepEqual([blocks.numFree, blocks.numCached, blocks.numReferenced], [6, 0, 4]);
    assert.equal(blocks.match(text(48), 48).numBlocks, 3);
    blocks.release(first);
    blocks.audit([]);
  });
});

describe("copy-on-write and equal texts", () => {
  test("a shared partial block is copied by each writer but the last", () => {
    const blocks = pool(8);
    const tokens = text(40);
    const first = prefill(blocks, tokens) as BlockTable;
    const twins = [new BlockTable(), new BlockTable()];
    for (const twin of twins) blocks.share(first, twin);
    const copies: number[] = [];
    for (const table of [first, ...twins]) assert.ok(blocks.reserve(table, 40, 41, copies));
    assert.deepEqual(copies, [2, 3, 2, 4]);
    assert.deepEqual(
      [first, ...twins].map((table) => idsOf(table)),
      [
        [0, 1, 3],
        [0, 1, 4],
        [0, 1, 2],
      ],
    );
    blocks.audit([first, ...twins]);
  });

  test("two tables that computed the same text end with one copy", () => {
    const blocks = pool(8);
    const tokens = text(48);
    const tables = [new BlockTable(), new BlockTable()];
    for (const table of tables) assert.ok(blocks.reserve(table, 0, 48, []));
    for (const table of tables) blocks.publish(table, tokens, 48);
    assert.deepEqual(idsOf(tables[1] ?? null), idsOf(tables[0] ?? null));
    assert.deepEqual([blocks.numFree, blocks.numReferenced], [5, 3]);
    blocks.audit(tables);
  });

  test("any order of prefills, growth, forks and releases keeps every count right", () => {
    const operation = fc.record({
      kind: fc.constantFrom("prefill", "grow", "fork", "release"),
      at: fc.nat(7),
      shared: fc.nat(5),
      own: fc.nat(40),
    });
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 80 }),
        fc.integer({ min: 3, max: 24 }),
        (operations, numBlocks) => {
          const blocks = pool(numBlocks);
          const live: { table: BlockTable; tokens: Int32Array; numTokens: number }[] = [];
          operations.forEach(({ kind, at, shared, own }, step) => {
            const one = live[at % Math.max(1, live.length)];
            if (kind === "prefill") {
              const tokens = text(shared * 16, 200, own);
              const table = prefill(blocks, tokens, shared * 16 + own + 1);
              if (table !== null) live.push({ table, tokens, numTokens: shared * 16 + own + 1 });
            } else if (one === undefined) return;
            else if (kind === "release") {
              blocks.release(one.table);
              live.splice(live.indexOf(one), 1);
            } else if (kind === "fork") {
              const table = new BlockTable();
              blocks.share(one.table, table);
              const tokens = one.tokens.map((token, i) => (i < one.numTokens ? token : token + step));
              live.push({ table, tokens, numTokens: one.numTokens });
            } else if (one.numTokens < one.tokens.length) {
              if (!blocks.reserve(one.table, one.numTokens, one.numTokens + 1, [])) return;
              blocks.publish(one.table, one.tokens, ++one.numTokens);
            }
            blocks.audit(live.map(({ table }) => table));
            assert.equal(blocks.numFree + blocks.numCached + blocks.numReferenced, numBlocks);
          });
          for (const { table } of live) blocks.release(table);
          blocks.audit([]);
          assert.equal(blocks.numReferenced, 0);
        },
      ),
      { numRuns: 150, seed: 7 },
    );
  });
});
