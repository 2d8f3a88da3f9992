/** @module One thread that reads memory when told to, and says how many bytes and milliseconds that took. */
import { parentPort } from "node:worker_threads";
import { makeReadProbe } from "./probes.ts";

/** Read everything so many times with one of the probe's loops. */
export interface ReadOrder {
  readonly loop: number;
  readonly numTimes: number;
}
export interface ReadAnswer {
  readonly numBytes: number;
  readonly ms: number;
}
/** What a thread says first. */
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
