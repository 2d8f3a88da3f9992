/** @module The limits by which the CPU backend allocates: those of a step, and the number of threads. */
import type { BackendLimits } from "../../backend.ts";
import type { RankPlace } from "./rank-shares.ts";

export interface CpuLimits extends BackendLimits {
  /** Worker threads, from 1 up. Each has scratch, job blocks and control words of its own. */
  readonly numThreads: number;
  /** Where the limits are those of one rank of several; `numThreads` are its own then. */
  readonly place?: RankPlace;
}
