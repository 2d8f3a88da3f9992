/** @module The overhead of steps, read from the server's own metrics before and after some work. */
import { PagodaError } from "../../core/errors.ts";

export interface StepTotals {
  readonly numSteps: number;
  readonly outsideKernelsMs: number;
}

const sampleEveryMs = 250;
const metricName = "pagoda:step_outside_kernels_ms";

/** Reads the running totals from `/metrics` of one of our servers. */
async function readStepTotals(url: string): Promise<StepTotals> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return {
    numSteps: metricValue(text, `${metricName}_count`),
    outsideKernelsMs: metricValue(text, `${metricName}_sum`),
  };
}

/** Mean milliseconds outside kernels and barriers of the steps that `work` caused. */
export async function outsideKernelsMs(url: string, work: () => Promise<unknown>): Promise<number> {
  const before = await readStepTotals(url);
  await work();
  const after = await readStepTotals(url);
  return (after.outsideKernelsMs - before.outsideKernelsMs) / (after.numSteps - before.numSteps);
}

/** Unused token slots in the KV blocks of a running sequence: the mean of samples taken while `work` runs. */
export async function wastedTokensPerSequence(url: string, work: () => Promise<unknown>): Promise<number> {
  let isRunning = true;
  const worked = work().finally(() => {
    isRunning = false;
  });
  let numSequences = 0;
  let numTokens = 0;
  while (isRunning) {
    const text = await (await fetch(`${url}/metrics`)).text();
    numSequences += metricValue(text, "vllm:num_requests_running");
    numTokens += metricValue(text, "pagoda:kv_wasted_tokens");
    await new Promise((wake) => setTimeout(wake, sampleEveryMs));
  }
  await worked;
  return numTokens / numSequences;
}

function metricValue(text: string, name: string): number {
  const line = text
    .split("\n")
    .find((candidate) => candidate.startsWith(`${name}{`) || candidate.startsWith(`${name} `));
  if (line === undefined)
    throw new PagodaError("internal", `/metrics has no value named ${name}.`, {
      hint: "Measure a server of the same version as this bench.",
    });
  return Number(line.slice(line.lastIndexOf(" ") + 1));
}
