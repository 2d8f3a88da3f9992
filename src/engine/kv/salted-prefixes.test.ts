/** Texts of different salts share no block, whoever else has the same text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { GenerationRequest } from "../../core/generation.ts";
import { assertAtRest, collect, promptOf, requestFor, scriptedEngine } from "../testing/scripted-engine.ts";
import { Choices } from "../testing/soak.ts";
import { BlockManager } from "./block-manager.ts";
import { BlockTable } from "./block-table.ts";

const salted = (cacheSalt: string | null, numTokens = 100): GenerationRequest => ({
  ...requestFor(promptOf(numTokens)),
  cacheSalt,
});

test("a prompt is found in the cache by requests of its own salt alone", async () => {
  const scripted = scriptedEngine();
  const numCached = async (salt: string | null): Promise<number> =>
    (await collect(scripted.engine, salted(salt))).prompt.numCachedTokens;
  assert.equal(await numCached("first"), 0);
  assert.equal(await numCached("second"), 0);
  assert.equal(await numCached(null), 0);
  assert.deepEqual(
    [await numCached("first"), await numCached("second"), await numCached(null), await numCached("third")],
    [96, 96, 96, 0],
  );
  await assertAtRest(scripted);
});

test("a prompt that is being computed is waited for by requests of its own salt alone", async () => {
  const scripted = scriptedEngine({ maxNumBatchedTokens: 32 });
  const answers = await Promise.all(
    ["first", "first", "second"].map((salt) => collect(scripted.engine, salted(salt))),
  );
  assert.deepEqual(
    answers.map(({ prompt }) => prompt.numCachedTokens),
    [0, 96, 0],
  );
  // The salt changes what is shared, and never the text.
  const [first, ...others] = answers.map(({ sequences }) => sequences);
  for (const other of others) assert.deepEqual(other, first);
  await assertAtRest(scripted);
});

test("n sequences of a salted request share their prompt", async () => {
  const scripted = scriptedEngine();
  const request = { ...salted("first"), sampling: { ...salted("first").sampling, n: 3 } };
  const { sequences } = await collect(scripted.engine, request);
  assert.equal(sequences.length, 3);
  assert.equal((await collect(scripted.engine, salted("first"))).prompt.numCachedTokens, 96);
  assert.equal((await collect(scripted.engine, salted(null))).prompt.numCachedTokens, 0);
  await assertAtRest(scripted);
});

test("salts are forgotten with their last block", () => {
  const blocks = new BlockManager({ numBlocks: 12, blockSize: 4, prefixCaching: true });
  const choices = new Choices(5);
  for (let i = 0; i < 2000; i++) {
    const table = new BlockTable();
    const numTokens = 4 * (1 + choices.below(4));
    const tokens = Int32Array.from({ length: numTokens }, (_, at) => at);
    blocks.begin(table, choices.oneIn(5) ? null : `salt ${choices.below(40)}`);
    blocks.attachCached(table, tokens, numTokens - 1);
    assert.ok(blocks.reserve(table, 4 * table.numBlocks, numTokens, []));
    blocks.publish(table, tokens, numTokens);
    blocks.audit([table]);
    blocks.release(table);
    assert.ok(blocks.numSalts <= blocks.numCached, `${blocks.numSalts} salts`);
  }
  blocks.dropCached();
  assert.deepEqual([blocks.numSalts, blocks.numFree], [0, 12]);
});
