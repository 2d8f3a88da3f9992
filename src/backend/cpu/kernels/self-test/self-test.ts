/** @module The self-test of a kernel set: compares each of its kernels with the WebAssembly one on seeded jobs. */
import { SeededNumbers } from "../../../seeded-numbers.ts";
import type { KernelSet } from "../kernel-set.ts";
import { compareKernels } from "./compare-kernels.ts";
import { KernelArena } from "./kernel-arena.ts";
import type { KernelCase } from "./kernel-case.ts";
import { kernelCases, type TriedKernel } from "./kernel-cases.ts";

const arenaBytes = 1 << 18;
const casesPerKernel = 4;
const seed = 2026;

/**
 * @param bind binds both sets to one memory; the trusted set comes first
 * @param addressOf as for `KernelArena`
 * @returns the first difference; null if there is none
 */
export function selfTest(
  bind: (memory: WebAssembly.Memory) => readonly [KernelSet, KernelSet],
  addressOf: (buffer: ArrayBufferLike) => bigint,
): string | null {
  const arena = new KernelArena(arenaBytes, addressOf);
  const sets = bind(arena.memory);
  for (const kernel of Object.keys(kernelCases) as TriedKernel[]) {
    const random = new SeededNumbers(seed);
    for (let i = 0; i < casesPerKernel; i++) {
      arena.reset();
      const kernelCase: KernelCase = kernelCases[kernel](arena, random, "brief");
      const result = compareKernels(arena, sets, kernelCase, random.between(0, kernelCase.numUnits));
      if (result.kind === "different") return `${kernel}: ${result.why}`;
    }
  }
  return null;
}
