/** @module What the server's own metrics say about the steps between two moments. */
import { PagodaError } from "../core/errors.ts";

export interface StepTotals {
  readonly numSteps: number;
  readonly outsideKernelsMs: number;
}

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

function metricValue(text: string, name: string): number {
  const line = text
    .split("\n")
    .find((candidate) => candidate.startsWith(`${name}{`) || candidate.startsWith(`${name} `));
  if (line === undefined) throw new PagodaError("internal", `/metrics has no ${name}`);
  return Number(line.slice(line.lastIndexOf(" ") + 1));
}
