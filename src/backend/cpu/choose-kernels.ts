/**
 * @module The one place where the kernel set is chosen: the coordinator decides once, then every thread binds the set.
 *
 * `wasm` works everywhere. `machine-code` is used where it loads and passes its self-test. PAGODA_KERNELS, or the backend's
 * option, asks for one of the two; if that one cannot run, the error says why.
 */
import { PagodaError } from "../../core/errors.ts";
import { type KernelChoice, kernelChoices } from "./kernel-choices.ts";
import type { KernelSet } from "./kernels/kernel-set.ts";
import {
  addressOf,
  bindKernels,
  type KernelImage,
  loadMachineCode,
} from "./kernels/machine-code/machine-code.ts";
import type { TargetName } from "./kernels/machine-code/processor/targets.ts";
import { bindWasm, readKernelModule } from "./kernels/wasm/kernel-module.ts";

/** What a thread needs to bind kernels to its arenas; plain data, so it can be sent to the thread. */
export interface KernelSource {
  readonly wasm: WebAssembly.Module;
  /** null: wasm alone. */
  readonly machineCode: KernelImage | null;
  /** Why machine code is not used although it was allowed; otherwise null. */
  readonly reason: string | null;
  /** Milliseconds of the self-test; null without machine code. */
  readonly selfTestMs: number | null;
}

export interface BoundKernels {
  readonly kernelSet: KernelSet;
  /** Address of the arena's byte 0, for job blocks; 0n where only wasm reads them. */
  readonly baseAddress: bigint;
}

/** Throws `invalid_option` for an unknown kernel set, or one that cannot run here. */
export async function chooseKernelSource(
  wanted: string | undefined = process.env.PAGODA_KERNELS,
): Promise<KernelSource> {
  const choice = kernelChoices.find((known) => known === wanted);
  if (wanted !== undefined && wanted !== "auto" && choice === undefined)
    throw refusal(wanted, `the kernel sets are ${kernelChoices.join(", ")}`);
  const wasm = await WebAssembly.compile(readKernelModule());
  if (choice === "wasm") return { wasm, machineCode: null, reason: null, selfTestMs: null };
  const loaded = loadMachineCode((memory) => bindWasm(wasm, memory), targetOf(choice));
  if (choice !== undefined && loaded.image === null) throw refusal(choice, loaded.reason);
  if (loaded.image === null) return { wasm, machineCode: null, reason: loaded.reason, selfTestMs: null };
  return { wasm, machineCode: loaded.image, reason: null, selfTestMs: loaded.selfTestMs };
}

/** The one kind of machine code that was asked for; undefined: the best that runs here. */
function targetOf(choice: Exclude<KernelChoice, "wasm"> | undefined): TargetName | undefined {
  switch (choice) {
    case "machine-code-avx2":
      return "avx2";
    case "machine-code-avx-vnni":
      return "avx-vnni";
    case "machine-code-avx512-vnni":
      return "avx512-vnni";
    default:
      return undefined;
  }
}

/** The chosen set over one arena, for the calling thread. */
export function bindKernelSource(
  { wasm, machineCode }: KernelSource,
  memory: WebAssembly.Memory,
): BoundKernels {
  const wasmSet = bindWasm(wasm, memory);
  if (machineCode === null) return { kernelSet: wasmSet, baseAddress: 0n };
  return { kernelSet: bindKernels(machineCode, memory, wasmSet), baseAddress: addressOf(memory.buffer) };
}

function refusal(wanted: string, why: string): PagodaError {
  return new PagodaError("invalid_option", `The kernels "${wanted}" cannot be used: ${why}.`, {
    hint: "Leave --kernels and PAGODA_KERNELS unset, or set one of them to wasm.",
    param: "PAGODA_KERNELS",
  });
}
