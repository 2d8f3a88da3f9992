/** @module The data that a thread starts with, and the messages it sends while loading. Steps send no messages. */
import type { ErrorCode } from "../../core/errors.ts";
import type { KernelSource } from "./choose-kernels.ts";
import type { CpuLimits } from "./footprint/cpu-limits.ts";
import type { RankedProgram } from "./footprint/ranked-program.ts";
import type { ModelLayout } from "./memory/layout.ts";

export interface WorkerStart {
  readonly program: RankedProgram;
  readonly limits: CpuLimits;
  readonly layout: ModelLayout;
  readonly memories: readonly WebAssembly.Memory[];
  readonly kernels: KernelSource;
  readonly thread: number;
}

/** A PagodaError as plain data: threads exchange copies, and a copy loses its class. */
export interface RefusedLoad {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

export type WorkerMessage =
  | { readonly kind: "loaded"; readonly numBytes: number }
  | { readonly kind: "ready"; readonly kernelSetName: string }
  | { readonly kind: "refused"; readonly refusal: RefusedLoad };
