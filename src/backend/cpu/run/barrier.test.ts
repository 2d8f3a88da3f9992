import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { Barrier, barrierWords, failBarrier, numBarrierWords, PeerFailedError } from "./barrier.ts";

const barrierFile = new URL("./barrier.ts", import.meta.url).href;

/** Each thread adds 1 to its own counter, waits, and then checks that everyone's has the same value. */
const threadSource = `
  const { parentPort, workerData } = require("node:worker_threads");
  import(workerData.barrierFile).then(({ Barrier }) => {
    const { words, counters, thread, numRounds, numSpins } = workerData;
    const barrier = new Barrier(words, counters.length, numSpins);
    const wait = () => { if (barrier.arrive()) barrier.release(); };
    let numWrong = 0;
    for (let round = 1; round <= numRounds; round++) {
      counters[thread] = round;
      wait();
      for (const counter of counters) if (counter !== round) numWrong++;
      wait();
    }
    parentPort.postMessage(numWrong);
  });`;

/** Waits for a second thread that never comes. */
const waitingSource = `
  const { parentPort, workerData } = require("node:worker_threads");
  import(workerData.barrierFile).then(({ Barrier }) => {
    try {
      new Barrier(workerData.words, 2, 0).arrive();
    } catch (error) {
      parentPort.postMessage(error.name);
    }
  });`;

const sharedWords = (numWords: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * numWords));

async function numWrongWith(numSpins: number): Promise<number> {
  const numThreads = 3;
  const [words, counters] = [sharedWords(numBarrierWords), sharedWords(numThreads)];
  const results = [...Array(numThreads).keys()].map((thread) => {
    const workerData = { barrierFile, words, counters, thread, numRounds: 200, numSpins };
    const worker = new Worker(threadSource, { eval: true, workerData });
    return new Promise<number>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  });
  return (await Promise.all(results)).reduce((sum, numWrong) => sum + numWrong, 0);
}

describe("barrier", () => {
  it("lets no thread pass before all have arrived, when they spin", async () =>
    assert.equal(await numWrongWith(1000), 0));

  it("lets no thread pass before all have arrived, when they sleep", async () =>
    assert.equal(await numWrongWith(0), 0));

  it("counts threads that leave, and starts again after the last", () => {
    const words = sharedWords(numBarrierWords);
    const barrier = new Barrier(words, 3, 0);
    assert.deepEqual(
      [...Array(6).keys()].map(() => barrier.leave()),
      [0, 1, 2, 0, 1, 2],
    );
  });

  it("throws in a thread that arrives after another one has failed", () => {
    const words = sharedWords(numBarrierWords);
    failBarrier(words);
    assert.throws(() => new Barrier(words, 2, 0).arrive(), PeerFailedError);
    assert.throws(() => new Barrier(words, 2, 0).leave(), PeerFailedError);
  });

  it("throws in a waiting thread when another one fails", async () => {
    const words = sharedWords(numBarrierWords);
    const worker = new Worker(waitingSource, { eval: true, workerData: { barrierFile, words } });
    const ended = new Promise<string>((resolve) => worker.once("message", resolve));
    while (Atomics.load(words, barrierWords.numSleeping) === 0) await setTimeout(1);
    failBarrier(words);
    assert.equal(await ended, "PeerFailedError");
  });
});
