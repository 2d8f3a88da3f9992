import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  assertAtRest,
  collect,
  expectedGreedy,
  promptOf,
  requestFor,
  scriptedEngine,
} from "./testing/scripted-engine.ts";

describe("the engine generates what the model says", () => {
  test("one prompt, in one chunk and in many", async () => {
    for (const maxNumBatchedTokens of [64, 17, 8]) {
      const scripted = scriptedEngine({ maxNumBatchedTokens });
      const prompt = promptOf(50);
      const { sequences, prompt: event } = await collect(
        scripted.engine,
        requestFor(prompt, { maxTokens: 20 }),
      );
      assert.deepEqual(event.promptTokenIds, prompt);
      assert.deepEqual(sequences[0]?.tokenIds, expectedGreedy(prompt, 20));
      assert.equal(sequences[0]?.finished.reason, "length");
      assertAtRest(scripted);
    }
  });

  test("more requests than seats, each with its own text", async () => {
    const scripted = scriptedEngine({ maxNumSeqs: 4 });
    const prompts = Array.from({ length: 20 }, (_, i) => promptOf(3 + 5 * i, i));
    const all = await Promise.all(
      prompts.map((p) => collect(scripted.engine, requestFor(p, { maxTokens: 12 }))),
    );
    all.forEach(({ sequences }, i) => {
      assert.deepEqual(sequences[0]?.tokenIds, expectedGreedy(prompts[i] ?? [], 12));
    });
    assertAtRest(scripted);
  });
});
