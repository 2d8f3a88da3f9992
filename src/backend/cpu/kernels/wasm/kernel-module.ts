/** @module The WebAssembly kernels: build/kernels.wasm, bound to a memory. */
import { readFileSync } from "node:fs";
import { invariant } from "../../../../core/errors.ts";
import { jobLayouts } from "../jobs.ts";
import type { Kernel, KernelSet } from "../kernel-set.ts";

const kernelFile = new URL("../../../../../build/kernels.wasm", import.meta.url);

export function readKernelModule(): Uint8Array {
  return readFileSync(kernelFile);
}

export function bindWasm(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelSet {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  for (const name of Object.keys(jobLayouts))
    invariant(typeof exports[name] === "function", () => `build/kernels.wasm has no kernel ${name}`);
  const kernels = exports as unknown as Readonly<Record<keyof typeof jobLayouts, Kernel>>;
  return { name: "wasm", kernels };
}
