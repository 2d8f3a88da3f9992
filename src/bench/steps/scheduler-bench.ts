/** @module The time of a step without the model, while few or many requests wait. */
import { median } from "../../core/statistics.ts";
import { idleEngine, idleRequest } from "./idle-engine.ts";

const limits = {
  blockSize: 16,
  numBlocks: 4096,
  kvDtype: "f16",
  maxModelLen: 1024,
  maxNumSeqs: 32,
  maxNumBatchedTokens: 512,
  maxLogprobs: 8,
} as const;
const numSteps = 400;
const numWarmUpSteps = 100;

/** Median milliseconds from step to step of the real engine over a model that computes nothing, with 32 sequences decoding. */
export async function msPerStepWithWaiting(numWaiting: number): Promise<number> {
  const gapsMs: number[] = [];
  let lastMs = 0;
  let stopped: () => void = () => undefined;
  const enough = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  const engine = idleEngine(limits, {
    requestFinished: () => undefined,
    stepFinished: () => {
      const nowMs = performance.now();
      if (lastMs > 0) gapsMs.push(nowMs - lastMs);
      lastMs = nowMs;
      if (gapsMs.length === numSteps) stopped();
    },
  });
  const abort = new AbortController();
  const ended = Array.from({ length: 32 + numWaiting }, async (_, i) => {
    const request = idleRequest(i, 16, 900);
    const events = engine.generate(request, abort.signal)[Symbol.asyncIterator]();
    try {
      while ((await events.next()).done !== true) if (abort.signal.aborted) break;
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    }
  });
  await enough;
  abort.abort();
  await Promise.all(ended);
  await engine.close();
  return median(gapsMs.slice(numWarmUpSteps));
}
