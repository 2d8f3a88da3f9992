/**
 * @module The entry of machine code: decides at start-up whether it is used, and gives the reason if it is not.
 *
 * The main thread calls `loadMachineCode` once. It writes the kernels for the best target that this processor runs, loads them,
 * and compares each with the WebAssembly one on seeded data. Then every thread binds the image to its arenas with
 * `bindKernels`. Any failure gives `image: null` and a reason, and never throws: WebAssembly works too.
 */
import { performance } from "node:perf_hooks";
import type { KernelSet } from "../kernel-set.ts";
import { selfTest } from "../self-test/self-test.ts";
import { bindKernels, type KernelImage, publishKernels } from "./kernel-image.ts";
import { addressOf, whyNoLoader } from "./loading/loader.ts";
import { detectCpuFeatures } from "./processor/cpu-features.ts";
import { runnableTargets, type Target, type TargetName } from "./processor/targets.ts";

export { bindKernels, type KernelImage } from "./kernel-image.ts";
export { addressOf } from "./loading/loader.ts";

export type MachineCodeChoice =
  | { readonly image: KernelImage; readonly selfTestMs: number }
  | { readonly image: null; readonly reason: string };

/** Instantiates the WebAssembly set over a memory; machine code is tested against it. */
export type BindWasm = (memory: WebAssembly.Memory) => KernelSet;

/** @param only the one target to try (for comparisons); by default the best one that this processor runs */
export function loadMachineCode(bindWasm: BindWasm, only?: TargetName): MachineCodeChoice {
  const noLoader = whyNoLoader();
  if (noLoader !== null) return { image: null, reason: noLoader };
  try {
    const runnable = runnableTargets(detectCpuFeatures());
    const target = runnable.find(({ name }) => only === undefined || name === only);
    if (target === undefined) return { image: null, reason: noTarget(runnable, only) };
    return tested(target, bindWasm);
  } catch (error) {
    return { image: null, reason: `machine code could not be loaded: ${messageOf(error)}` };
  }
}

function tested(target: Target, bindWasm: BindWasm): MachineCodeChoice {
  const image = publishKernels(target);
  const started = performance.now();
  const failure = selfTest((memory) => {
    const wasm = bindWasm(memory);
    return [wasm, bindKernels(image, memory, wasm)];
  }, addressOf);
  if (failure !== null) return { image: null, reason: `${image.setName} failed its self-test: ${failure}` };
  return { image, selfTestMs: performance.now() - started };
}

function noTarget(runnable: readonly Target[], only: TargetName | undefined): string {
  if (runnable.length === 0) return "this processor lacks AVX2, FMA or F16C";
  return `this processor runs ${runnable.map(({ name }) => name).join(" and ")}, not ${only}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
