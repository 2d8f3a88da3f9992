/**
 * @module A set of kernels: one function for each, whose argument is the byte offset of a job block (`jobs.ts`) in the arena
 * that the set is bound to.
 *
 * A kernel reads and writes only the memory that its job refers to, allocates nothing and calls nothing. It does units
 * [start, end) of its job. Different ranges of a job write disjoint bytes, so threads run them at the same time without locks.
 * No sum extends over several units, so results do not depend on how a job was divided.
 */
import type { KernelName } from "./jobs.ts";

export type Kernel = (jobOffset: number) => void;

/** Bound to one arena; cheap to make, one per thread and arena. */
export interface KernelSet {
  /** e.g. `wasm`, `machine-code-avx2` */
  readonly name: string;
  readonly kernels: Readonly<Record<KernelName, Kernel>>;
}
