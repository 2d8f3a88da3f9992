/** @module The data that a thread starts with, and the messages it sends while loading. Steps send no messages. */
import type { ErrorCode } from "../../core/errors.ts";
import type { KernelSource } from "./choose-kernels.ts";
import type { Rank } from "./rank.ts";

export interface WorkerStart {
  /** All ranks of the instance: each copies from the memories of the others. */
  readonly ranks: readonly Rank[];
  /** That of the thread. */
  readonly rank: number;
  /** Of its rank. */
  readonly thread: number;
  readonly kernels: KernelSource;
}

/** The thread's number among those of all ranks. */
export function threadOf({ ranks, rank, thread }: WorkerStart): number {
  return rank * (ranks[rank]?.limits.numThreads ?? 0) + thread;
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
