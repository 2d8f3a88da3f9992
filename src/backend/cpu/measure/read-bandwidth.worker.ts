/** @module A thread that reads memory on request and reports the bytes and milliseconds. */
import { parentPort } from "node:worker_threads";
import { makeReadProbe } from "./probes.ts";

/** Asks to read everything `numTimes` times with one of the probe's loops. */
export interface ReadOrder {
  readonly loop: number;
  readonly numTimes: number;
}
export interface ReadAnswer {
  readonly numBytes: number;
  readonly ms: number;
}
/** A thread's first message. */
export interface ReadyToRead {
  readonly numLoops: number;
}

const probe = makeReadProbe();
parentPort?.on("message", ({ loop, numTimes }: ReadOrder) => {
  const startedMs = performance.now();
  for (let time = 0; time < numTimes; time++) probe.loops[loop]?.();
  const answer: ReadAnswer = { numBytes: numTimes * probe.numBytes, ms: performance.now() - startedMs };
  parentPort?.postMessage(answer);
});
parentPort?.postMessage({ numLoops: probe.loops.length } satisfies ReadyToRead);
