import assert from "node:assert/strict";
import { test } from "node:test";
import { type TextSteps, TokenizerQueue } from "./tokenizer-queue.ts";

const { signal } = new AbortController();

/** Takes longer than a slice at each pause, so that every pause gives way. */
function* slowSteps(name: string, numPauses: number, log: string[]): TextSteps {
  for (let i = 0; i < numPauses; i++) {
    const endMs = performance.now() + 3;
    while (performance.now() < endMs);
    log.push(`${name}${i}`);
    yield i;
  }
  return [numPauses];
}

test("texts are cut one after another, and the event loop has its turns in between", async () => {
  const queue = new TokenizerQueue();
  const log: string[] = [];
  setImmediate(() => log.push("turn"));
  const results = await Promise.all([
    queue.run(slowSteps("a", 3, log), signal, () => undefined),
    queue.run(slowSteps("b", 2, log), signal, () => undefined),
  ]);
  assert.deepEqual(results, [[3], [2]]);
  assert.deepEqual(
    log.filter((entry) => entry !== "turn"),
    ["a0", "a1", "a2", "b0", "b1"],
  );
  assert.ok(log.indexOf("turn") < log.indexOf("a2"), log.join());
});

test("an aborted text stops at its next pause, a refused one at once; the next one is cut all the same", async () => {
  const queue = new TokenizerQueue();
  const leaving = new AbortController();
  const log: string[] = [];
  const left = queue.run(slowSteps("a", 1000, log), leaving.signal, () => leaving.abort());
  const refused = queue.run(slowSteps("b", 1000, log), signal, (numTokens) => {
    if (numTokens === 1) throw new RangeError("too many");
  });
  const last = queue.run(slowSteps("c", 1, log), signal, () => undefined);
  await assert.rejects(refused, /too many/);
  assert.equal(await left, null);
  assert.deepEqual(await last, [1]);
  assert.deepEqual(log, ["a0", "b0", "b1", "c0"]);
});
