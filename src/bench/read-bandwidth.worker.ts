/** @module One thread that reads memory when told to, and says how many bytes and milliseconds that took. */
import { parentPort } from "node:worker_threads";
import { makeReadProbe } from "../backend/cpu/machine-code/probes.ts";

const probe = makeReadProbe();
probe.read();
parentPort?.on("message", (numRounds: number) => {
  const startedMs = performance.now();
  for (let round = 0; round < numRounds; round++) probe.read();
  parentPort?.postMessage({ numBytes: numRounds * probe.numBytes, ms: performance.now() - startedMs });
});
parentPort?.postMessage("ready");
