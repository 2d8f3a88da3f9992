import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { advance, barrierWords, numBarrierWords } from "./barrier.ts";

const gateFile = new URL("./gate.ts", import.meta.url).href;

/** A thread that reports after each pass how often it has passed. */
const threadSource = `
  const { parentPort, workerData } = require("node:worker_threads");
  import(workerData.gateFile).then(({ Gate }) => {
    const gate = new Gate(workerData.words, workerData.mayLook);
    for (let numPassed = 1; numPassed <= workerData.numRounds; numPassed++) {
      gate.pass();
      parentPort.postMessage(numPassed);
    }
  });`;

describe("gate", () => {
  for (const mayLook of [true, false])
    it(`lets a thread through once for every move, ${mayLook ? "looking" : "asleep"}`, async () => {
      const numRounds = 20;
      const words = new Int32Array(new SharedArrayBuffer(4 * numBarrierWords));
      const workerData = { gateFile, words, mayLook, numRounds };
      const worker = new Worker(threadSource, { eval: true, workerData });
      for (let round = 1; round <= numRounds; round++) {
        const passed = new Promise<number>((resolve) => worker.once("message", resolve));
        advance(words);
        assert.equal(await passed, round);
      }
    });

  it("lets threads that wait in vain sleep soon", async () => {
    const words = new Int32Array(new SharedArrayBuffer(4 * numBarrierWords));
    const worker = new Worker(threadSource, {
      eval: true,
      workerData: { gateFile, words, mayLook: true, numRounds: 1 },
    });
    while (Atomics.load(words, barrierWords.numSleeping) === 0) await setTimeout(1);
    const passed = new Promise<number>((resolve) => worker.once("message", resolve));
    advance(words);
    assert.equal(await passed, 1);
  });
});
