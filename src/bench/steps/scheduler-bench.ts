/** @module What a step costs the scheduler while few or many requests wait: everything but the model itself. */
import { promptOf, requestFor, scriptedEngine } from "../../engine/testing/scripted-engine.ts";
import { median } from "../statistics.ts";

const numSteps = 400;
const numWarmUpSteps = 100;

/** Median milliseconds from step to step of the real engine over a model that computes nothing, 32 decoding. */
export async function msPerStepWithWaiting(numWaiting: number): Promise<number> {
  const gapsMs: number[] = [];
  let lastMs = 0;
  let stopped: () => void = () => undefined;
  const enough = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  const { engine } = scriptedEngine(
    { maxNumSeqs: 32, numBlocks: 4096, maxModelLen: 1024, maxNumBatchedTokens: 512 },
    {
      observer: {
        requestFinished: () => undefined,
        stepFinished: () => {
          const nowMs = performance.now();
          if (lastMs > 0) gapsMs.push(nowMs - lastMs);
          lastMs = nowMs;
          if (gapsMs.length === numSteps) stopped();
        },
      },
    },
  );
  const abort = new AbortController();
  const ended = Array.from({ length: 32 + numWaiting }, async (_, i) => {
    const request = requestFor(promptOf(16, i), { maxTokens: 900 });
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
