/**
 * @module Each thread has a private copy of the quantized row, for steps with a single row.
 *
 * In such a step every thread quantizes the row for itself (`Phase.isRepeatable`). If all wrote the same bytes to the same
 * place, its cache lines would move back and forth between the processors. So thread t writes and reads token pack t, which
 * is free because there is no row 4t.
 */
import { quantizedBytes, tokensPerPack } from "../footprint/workspace-layout.ts";
import { jobWord } from "../kernels/jobs.ts";
import type { Job, Patch, Phase } from "./phase.ts";

/** Patches for all jobs in `phases` that write or read such rows. @param width of the widest quantized row */
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

/** The word of a job that holds the offset of quantized rows which it writes or reads; null if it does neither. */
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
