/**
 * @module Damages model files by seeds and uses what is left: each case loads or ends in a named error, within bounded time
 * and memory. A slice of it is in `npm test` (src/model/damaged-files.test.ts).
 *
 *     npm run fuzz                     100,000 cases
 *     npm run fuzz -- 5000 200000      5,000 cases, from seed 200,000 on
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

export interface FuzzShare {
  readonly folder: string;
  readonly firstSeed: number;
  readonly numCases: number;
  readonly stride: number;
  /** [number of the case that runs, cases done]. */
  readonly progress: Int32Array;
}

export interface FuzzCounts {
  numLoaded: number;
  numRefused: number;
  longestMs: number;
  readonly faults: string[];
}

const mostMs = 20_000;
const mostHeapMib = 1024;
const [numCases = 100_000, firstSeed = 0] = process.argv.slice(2).map(Number);
const numWorkers = Math.min(4, availableParallelism());
const scratch = mkdtempSync(join(tmpdir(), "pagoda-fuzz-"));

function runShare(index: number): Promise<FuzzCounts> {
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const share: FuzzShare = {
    folder: mkdtempSync(join(scratch, "share-")),
    firstSeed: firstSeed + index,
    numCases: Math.floor((numCases + numWorkers - 1 - index) / numWorkers),
    stride: numWorkers,
    progress,
  };
  const worker = new Worker(new URL("./fuzz-model-files/share.worker.ts", import.meta.url), {
    workerData: share,
    resourceLimits: { maxOldGenerationSizeMb: mostHeapMib },
  });
  return new Promise((resolve, reject) => {
    let seen = -1;
    const watch = setInterval(() => {
      const now = Atomics.load(progress, 1);
      if (now === seen) {
        clearInterval(watch);
        void worker.terminate();
        reject(new TypeError(`the case of seed ${Atomics.load(progress, 0)} takes more than ${mostMs} ms`));
      }
      seen = now;
    }, mostMs);
    worker.once("message", (counts: FuzzCounts) => {
      clearInterval(watch);
      resolve(counts);
    });
    worker.once("error", (cause) => {
      clearInterval(watch);
      reject(new TypeError(`the case of seed ${Atomics.load(progress, 0)} ended its thread`, { cause }));
    });
  });
}

try {
  const shares = await Promise.all(Array.from({ length: numWorkers }, (_, index) => runShare(index)));
  const sum = (key: "numLoaded" | "numRefused"): number =>
    shares.reduce((total, share) => total + share[key], 0);
  const faults = shares.flatMap((share) => share.faults);
  const report = {
    numCases: sum("numLoaded") + sum("numRefused") + faults.length,
    firstSeed,
    numLoaded: sum("numLoaded"),
    numRefused: sum("numRefused"),
    longestMs: Math.round(Math.max(...shares.map(({ longestMs }) => longestMs))),
    peakResidentMib: Math.round(process.resourceUsage().maxRSS / 1024),
    numFaults: faults.length,
  };
  console.log(JSON.stringify(report));
  for (const fault of faults.slice(0, 50)) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
