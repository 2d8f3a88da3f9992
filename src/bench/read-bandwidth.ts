/** @module What this machine's memory gives to several threads that only read: the bound of decoding. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { whyNoLoader } from "../backend/cpu/machine-code/loader.ts";
import { median } from "./statistics.ts";

const numRounds = 7;
const readsPerRound = 4;

/** Bytes per second that `numThreads` threads read together, the median of several rounds; null where no probe runs. */
export async function measureReadBandwidth(numThreads: number): Promise<number | null> {
  if (whyNoLoader() !== null) return null;
  const file = import.meta.url.endsWith(".ts") ? "./read-bandwidth.worker.ts" : "./read-bandwidth.worker.js";
  const workers = Array.from({ length: numThreads }, () => new Worker(new URL(file, import.meta.url)));
  try {
    await Promise.all(workers.map((worker) => once(worker, "message")));
    const rates: number[] = [];
    for (let round = 0; round < numRounds; round++) {
      const answers = workers.map((worker) => once(worker, "message"));
      for (const worker of workers) worker.postMessage(readsPerRound);
      const taken = (await Promise.all(answers)).map(
        ([answer]) => answer as { numBytes: number; ms: number },
      );
      rates.push(taken.reduce((sum, { numBytes, ms }) => sum + (numBytes * 1000) / ms, 0));
    }
    return median(rates);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
