/**
 * @module A single quantised row lies in a place of the thread's own.
 *
 * Where a step has one row only, every thread quantises it for itself (`Phase.isRepeatable`). Written to one place, be it the
 * same bytes, its cache lines would go to and fro between the processors; so thread t writes and reads token pack t, which
 * nobody needs for a row 4t then.
 */
import { quantizedBytes, tokensPerPack } from "../footprint/workspace-layout.ts";
import { jobWord } from "../kernels/jobs.ts";
import type { Job, Patch, Phase } from "./phase.ts";

/** Patches of all jobs in `phases` that write or read such rows. @param width of the widest quantised row */
export function privateRowPatches(phases: readonly Phase[], thread: number, width: number): Patch[] {
  const patches: Patch[] = [];
  let isOwn = false;
  for (const { jobs, isRepeatable } of phases)
    for (const job of jobs) {
      const word = quantizedRowWord(job);
      if (word === null) continue;
      if (word.isWritten) isOwn = isRepeatable;
      if (!isOwn) continue;
      const base = job.i32[word.index] as number;
      const privateOffset = base + thread * quantizedBytes(tokensPerPack, width);
      patches.push({ i32: job.i32, word: word.index, value: "quantized", base, privateOffset });
    }
  return patches;
}

/** Where a job says what place of quantised rows it writes or reads; null if it does neither. */
function quantizedRowWord({
  kernelName,
  jobOffset,
}: Job): { readonly index: number; readonly isWritten: boolean } | null {
  switch (kernelName) {
    case "quantizeRows":
    case "normQuantize":
    case "gluQuantize":
      return { index: jobOffset / 4 + jobWord(kernelName, "out"), isWritten: true };
    case "matmulQ4":
    case "matmulQ8":
      return { index: jobOffset / 4 + jobWord(kernelName, "input"), isWritten: false };
    default:
      return null;
  }
}
