import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import type { Worker } from "node:worker_threads";
import { allReady } from "../loading-threads.ts";
import { watchThreads } from "./thread-watch.ts";

/** A thread that only has events. */
class FakeThread extends EventEmitter {
  isTerminated = false;

  async terminate(): Promise<number> {
    this.isTerminated = true;
    return 1;
  }
}

function fakes(numThreads: number) {
  const threads = Array.from({ length: numThreads }, () => new FakeThread());
  return { threads, workers: threads as unknown as Worker[] };
}

function watched(numThreads: number) {
  const { threads, workers } = fakes(numThreads);
  const causes: unknown[] = [];
  let numEnds = 0;
  watchThreads(workers, { onEnd: () => numEnds++, onFailure: (cause) => causes.push(cause) });
  return { threads, causes, numEnds: () => numEnds };
}

test("the reason counts that comes after the end of a thread that waited", () => {
  const { threads, causes, numEnds } = watched(2);
  threads[1]?.emit("exit", 0);
  assert.deepEqual([causes, numEnds()], [[], 1]);
  const cause = new RangeError("out of bounds");
  threads[0]?.emit("error", cause);
  threads[0]?.emit("exit", 1);
  assert.deepEqual(causes, [cause]);
});

test("threads that all end without a word have failed, once", () => {
  const { threads, causes } = watched(3);
  for (const thread of threads) {
    assert.deepEqual(causes, []);
    thread.emit("exit", 0);
  }
  assert.deepEqual(causes, [undefined]);
});

test("where another thread hangs, the reason is waited for no longer than a second", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { threads, causes } = watched(2);
  threads[0]?.emit("exit", 1);
  t.mock.timers.tick(999);
  assert.deepEqual(causes, []);
  t.mock.timers.tick(1);
  assert.deepEqual(causes, [undefined]);
});

test("a thread that fails after it was ready, while others load, ends the load with its reason", async () => {
  const { threads, workers } = fakes(2);
  const loading = allReady(workers, () => undefined);
  threads[0]?.emit("message", { kind: "ready", kernelSetName: "wasm" });
  await new Promise((resolve) => setImmediate(resolve));
  threads[0]?.emit("error", new RangeError("out of bounds"));
  await assert.rejects(loading, /out of bounds/);
  assert.ok(threads.every((thread) => thread.isTerminated));
});

test("a refusal counts even if it arrives after the end of a thread that waited", async () => {
  const { threads, workers } = fakes(2);
  const loading = allReady(workers, () => undefined);
  threads[1]?.emit("exit", 0);
  threads[0]?.emit("message", { kind: "refused", refusal: { code: "model_invalid", message: "ends early" } });
  await assert.rejects(loading, /ends early/);
});

test("loading ends when all threads are ready, and removes its listeners", async () => {
  const { threads, workers } = fakes(2);
  let loadedBytes = 0;
  const loading = allReady(workers, (numBytes) => {
    loadedBytes += numBytes;
  });
  for (const thread of threads) thread.emit("message", { kind: "loaded", numBytes: 5 });
  for (const thread of threads) thread.emit("message", { kind: "ready", kernelSetName: "wasm" });
  assert.deepEqual([await loading, loadedBytes], ["wasm", 10]);
  for (const thread of threads)
    assert.deepEqual(
      ["message", "error", "exit"].map((event) => thread.listenerCount(event)),
      [0, 0, 0],
    );
});
