/** @module The cases of one thread of `npm run fuzz`. */
import { parentPort, workerData } from "node:worker_threads";
import { PagodaError } from "../../src/core/errors.ts";
import { damageTargets } from "../../src/model/testing/damage-targets.ts";
import type { FuzzCounts, FuzzShare } from "../fuzz-model-files.ts";

const { folder, firstSeed, numCases, stride, progress } = workerData as FuzzShare;
/** Of this thread's processor: on a busy machine, time passes by itself. */
const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};
const counts: FuzzCounts = { numLoaded: 0, numRefused: 0, longestMs: 0, faults: [] };
/** A pattern that is refused has had its second. */
const slowMs = 3000;
const targets = damageTargets(folder);
for (let i = 0; i < numCases; i++) {
  const number = firstSeed + i * stride;
  const target = targets[number % targets.length];
  if (target === undefined) break;
  const seed = Math.floor(number / targets.length);
  Atomics.store(progress, 0, seed);
  const startMs = threadMs();
  try {
    target.use(seed);
    counts.numLoaded++;
  } catch (error) {
    if (error instanceof PagodaError) counts.numRefused++;
    else counts.faults.push(`${target.name}, seed ${seed}: ${error instanceof Error ? error.stack : error}`);
  }
  const ms = threadMs() - startMs;
  if (ms > counts.longestMs) counts.longestMs = ms;
  if (ms > slowMs) counts.faults.push(`${target.name}, seed ${seed}: took ${Math.round(ms)} ms`);
  Atomics.add(progress, 1, 1);
}
parentPort?.postMessage(counts);
