/** @module The WebAssembly kernels for tests of single kernels: compiled once, bound to any number of memories. */
import type { KernelSet } from "../kernel-set.ts";
import { BoundArena } from "../self-test/bound-arena.ts";
import { bindWasm, readKernelModule } from "../wasm/kernel-module.ts";

let compiled: WebAssembly.Module | undefined;

export function bindWasmKernels(memory: WebAssembly.Memory): KernelSet {
  compiled ??= new WebAssembly.Module(readKernelModule());
  return bindWasm(compiled, memory);
}

export function wasmArena(numBytes: number): BoundArena {
  return new BoundArena(numBytes, bindWasmKernels);
}
