/**
 * @module The door for code that creates or measures a backend; `backend.ts` has the contract. Heavy modules are imported only
 * when they are needed.
 */
import type { Backend } from "../backend.ts";
import type { CpuBackendOptions } from "../cpu/cpu-backend.ts";
import type { KernelChoice } from "../cpu/kernel-choices.ts";
import type { KernelRate, ProductRates } from "../cpu/measure/kernel-rates.ts";
import type { ReferenceOptions } from "../reference/reference-backend.ts";

export { type KernelChoice, kernelChoices } from "../cpu/kernel-choices.ts";
export type { KernelRate } from "../cpu/measure/kernel-rates.ts";
export { grantedProcessors } from "../cpu/processors.ts";
export { allocateStep } from "../step-memory.ts";

export type BackendChoice =
  | ({ readonly name: "cpu" } & CpuBackendOptions)
  | ({ readonly name: "reference" } & ReferenceOptions);

export async function createBackend(choice: BackendChoice): Promise<Backend> {
  if (choice.name === "reference") {
    const { createReferenceBackend } = await import("../reference/reference-backend.ts");
    return createReferenceBackend(choice);
  }
  const { CpuBackend } = await import("../cpu/cpu-backend.ts");
  return new CpuBackend(choice);
}

/** Rates of single CPU kernels on one thread. */
export async function measureKernels(kernels: KernelChoice): Promise<readonly KernelRate[]> {
  const { kernelRates } = await import("../cpu/measure/kernel-rates.ts");
  return kernelRates(kernels);
}

/** A product of 4-bit weights by machine code and by WebAssembly in turns, for each number of tokens. */
export async function measureProducts(
  kernels: Exclude<KernelChoice, "wasm">,
  tokenCounts: readonly number[],
): Promise<readonly ProductRates[]> {
  const { productRates } = await import("../cpu/measure/kernel-rates.ts");
  return productRates(kernels, tokenCounts);
}

/** Bytes per second that `numThreads` threads read together from memory; null where the probe cannot run. */
export async function measureReadBandwidth(numThreads: number): Promise<number | null> {
  const { readBandwidth } = await import("../cpu/measure/read-bandwidth.ts");
  return readBandwidth(numThreads);
}
