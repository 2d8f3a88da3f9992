/** @module The names of the kernel sets that can be asked for. */
import type { TargetName } from "./kernels/machine-code/processor/targets.ts";

/** The last three name one kind of machine code, to compare them on one processor. */
export const kernelChoices = [
  "wasm",
  "machine-code",
  "machine-code-avx2",
  "machine-code-avx-vnni",
  "machine-code-avx512-vnni",
] as const satisfies readonly ("wasm" | "machine-code" | `machine-code-${TargetName}`)[];
export type KernelChoice = (typeof kernelChoices)[number];
