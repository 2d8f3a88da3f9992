/**
 * @module The one place where the kernel set is chosen. Two steps: the coordinator decides once, every thread binds.
 *
 * `wasm` is always there. `PAGODA_KERNELS` or the backend's option names one and refuses any other.
 */
import { readFileSync } from "node:fs";
import { invariant, PagodaError } from "../../core/errors.ts";
import { jobLayouts } from "./jobs.ts";
import type { Kernel, KernelSet } from "./kernel-set.ts";

/** What a thread needs to bind kernels to its arenas; sent to it as it is. */
export interface KernelSource {
  readonly kind: "wasm";
  readonly module: WebAssembly.Module;
}

export interface BoundKernels {
  readonly kernelSet: KernelSet;
  /** Address of the arena's byte 0, for job blocks; 0n where only wasm reads them. */
  readonly baseAddress: bigint;
}

const kernelFile = new URL("../../../build/kernels.wasm", import.meta.url);

/** Throws `invalid_option` for a name that is not a kernel set. */
export async function chooseKernelSource(
  wanted: string | undefined = process.env.PAGODA_KERNELS,
): Promise<KernelSource> {
  if (wanted !== undefined && wanted !== "wasm")
    throw new PagodaError("invalid_option", `PAGODA_KERNELS=${wanted} names no kernel set of this machine.`, {
      hint: "Leave PAGODA_KERNELS unset, or set it to wasm.",
      param: "PAGODA_KERNELS",
    });
  return { kind: "wasm", module: await WebAssembly.compile(readFileSync(kernelFile)) };
}

/** Instantiates the set over one arena. */
export function bindKernels(source: KernelSource, memory: WebAssembly.Memory): BoundKernels {
  const { exports } = new WebAssembly.Instance(source.module, { env: { memory } });
  for (const name of Object.keys(jobLayouts))
    invariant(typeof exports[name] === "function", () => `build/kernels.wasm has no kernel ${name}`);
  const kernels = exports as unknown as Readonly<Record<keyof typeof jobLayouts, Kernel>>;
  return { kernelSet: { name: "wasm", kernels }, baseAddress: 0n };
}
