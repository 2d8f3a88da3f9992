/** @module The input of a thread's compilation: the program, its limits, and the arenas with the thread's kernels bound to them. */
import type { CpuLimits } from "../footprint/cpu-limits.ts";
import type { RankedProgram } from "../footprint/ranked-program.ts";
import type { KernelSet } from "../kernels/kernel-set.ts";
import type { ArenaViews } from "./arena.ts";
import type { ArenaLayout, ModelLayout } from "./layout.ts";

export interface ThreadArena {
  readonly views: ArenaViews;
  readonly layout: ArenaLayout;
  readonly kernelSet: KernelSet;
  /** Address of byte 0, for machine code; 0n for wasm. */
  readonly baseAddress: bigint;
}

export interface ThreadContext {
  readonly program: RankedProgram;
  readonly limits: CpuLimits;
  readonly layout: ModelLayout;
  readonly arenas: readonly ThreadArena[];
  readonly thread: number;
}
