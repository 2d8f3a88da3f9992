/**
 * @module What the executor needs from a set of kernels: one function per kernel, and one argument, the byte offset of
 * a job block (`jobs.ts`) in the arena the set was made for.
 *
 * A kernel reads and writes only the memory its job names, allocates nothing and calls nothing. It does the part
 * [start, end) of its job's split dimension; parts of one job write disjoint bytes, so threads run them at once without
 * locks, and no sum is ever cut at a part's edge, so results do not depend on how a job was cut.
 */
import type { KernelName } from "./jobs.ts";

export type Kernel = (jobOffset: number) => void;

/** Bound to one arena; cheap to make, one per thread and arena. */
export interface KernelSet {
  /** e.g. `wasm`, `machine-code-avx2` */
  readonly name: string;
  readonly kernels: Readonly<Record<KernelName, Kernel>>;
}
