import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { PagodaError } from "../core/errors.ts";
import type { Pooling } from "../core/generation.ts";
import {
  assertAtRest,
  collect,
  promptOf,
  requestFor,
  type Scripted,
  scriptedEngine,
} from "./testing/scripted-engine.ts";

const engines: Scripted[] = [];
afterEach(async () => {
  for (const scripted of engines.splice(0)) await assertAtRest(scripted);
});

/** The scripted model's hidden state is the token's id and its position. */
function expected(prompt: readonly number[], pooling: Pooling): Float32Array {
  const last = [prompt.at(-1) ?? 0, prompt.length - 1];
  const mean = [prompt.reduce((sum, id) => sum + id, 0) / prompt.length, (prompt.length - 1) / 2];
  return Float32Array.from(pooling === "mean" ? mean : last);
}

function start(...options: Parameters<typeof scriptedEngine>): Scripted {
  const scripted = scriptedEngine(...options);
  engines.push(scripted);
  return scripted;
}

test("the mean and the last state of a prompt, in one chunk and in many, without an output token", async () => {
  for (const maxNumBatchedTokens of [64, 17, 8]) {
    const { engine } = start({ maxNumBatchedTokens });
    for (const pooling of ["mean", "last"] as const) {
      const prompt = promptOf(50);
      const request = { ...requestFor(prompt, { maxTokens: 0 }), pooling };
      const { prompt: event, sequences } = await collect(engine, request);
      assert.deepEqual(event.pooled, expected(prompt, pooling));
      assert.equal(sequences[0]?.finished.numCompletionTokens, 0);
    }
  }
});

test("the mean needs every position, the last state can use the prefix cache", async () => {
  const { engine } = start();
  const prompt = promptOf(50);
  await collect(engine, requestFor(prompt, { maxTokens: 4 }));
  const pooled = (pooling: Pooling) => collect(engine, { ...requestFor(prompt, { maxTokens: 0 }), pooling });
  const mean = await pooled("mean");
  assert.deepEqual([mean.prompt.numCachedTokens, mean.prompt.pooled], [0, expected(prompt, "mean")]);
  const last = await pooled("last");
  assert.deepEqual(last.prompt.pooled, expected(prompt, "last"));
  assert.ok(last.prompt.numCachedTokens > 0);
});

test("beside running texts, and preempted by them, the states are the same", async () => {
  const { engine } = start(
    { numBlocks: 12, maxModelLen: 128, maxNumBatchedTokens: 24 },
    { expectedOutputTokens: 1 },
  );
  const texts = Array.from({ length: 6 }, (_, i) =>
    collect(engine, requestFor(promptOf(20, i), { maxTokens: 60 })),
  );
  const prompts = Array.from({ length: 6 }, (_, i) => promptOf(90, 20 + i));
  const all = await Promise.all(
    prompts.map((prompt) => collect(engine, { ...requestFor(prompt, { maxTokens: 0 }), pooling: "mean" })),
  );
  for (const [i, { prompt: event }] of all.entries())
    assert.deepEqual(event.pooled, expected(prompts[i] ?? [], "mean"));
  await Promise.all(texts);
  assert.ok(engine.stats().numPreemptions > 0);
});

test("a state that is not finite ends its request with a named error", async () => {
  const scripted = start();
  scripted.model.readHidden = (_row, out) => out.fill(Number.NaN);
  await assert.rejects(
    collect(scripted.engine, { ...requestFor(promptOf(9), { maxTokens: 0 }), pooling: "mean" }),
    (error) => error instanceof PagodaError && error.code === "logits_not_finite",
  );
});
