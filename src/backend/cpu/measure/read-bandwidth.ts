/** @module The bandwidth of this machine's memory for several threads that only read: the limit of decoding. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { median } from "../../../core/statistics.ts";
import { whyNoLoader } from "../kernels/machine-code/loading/loader.ts";
import type { ReadAnswer, ReadOrder, ReadyToRead } from "./read-bandwidth.worker.ts";

const numRounds = 7;
const readsPerRound = 4;

/**
 * Bytes per second that `numThreads` threads read together; null where the probe cannot run. Several loops take
 * turns; the result is the largest of their medians.
 */
export async function readBandwidth(numThreads: number): Promise<number | null> {
  if (whyNoLoader() !== null) return null;
  const file = import.meta.url.endsWith(".ts") ? "./read-bandwidth.worker.ts" : "./read-bandwidth.worker.js";
  const workers = Array.from({ length: numThreads }, () => new Worker(new URL(file, import.meta.url)));
  try {
    const [first] = await nextMessages<ReadyToRead>(workers);
    const rates = Array.from({ length: first?.numLoops ?? 0 }, (): number[] => []);
    for (let round = 0; round < numRounds; round++)
      for (const [loop, ratesOfLoop] of rates.entries()) ratesOfLoop.push(await readTogether(workers, loop));
    return Math.max(...rates.map(median));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Bytes per second of all threads at once. */
async function readTogether(workers: readonly Worker[], loop: number): Promise<number> {
  const answers = nextMessages<ReadAnswer>(workers);
  const order: ReadOrder = { loop, numTimes: readsPerRound };
  for (const worker of workers) worker.postMessage(order);
  return (await answers).reduce((sum, { numBytes, ms }) => sum + (numBytes * 1000) / ms, 0);
}

/** The next message of each thread, in order. */
function nextMessages<Message>(workers: readonly Worker[]): Promise<Message[]> {
  return Promise.all(workers.map(async (worker) => ((await once(worker, "message")) as [Message])[0]));
}
