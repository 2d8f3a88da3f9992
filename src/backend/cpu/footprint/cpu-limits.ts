/** @module The limits by which the CPU backend allocates: those of a step, and the number of threads. */
import type { BackendLimits } from "../../backend.ts";

export interface CpuLimits extends BackendLimits {
  /** Worker threads, from 1 up. Each has scratch, job blocks and control words of its own. */
  readonly numThreads: number;
}
