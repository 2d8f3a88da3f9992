/** @module One job of one kernel with seeded operands, and how its results may be compared. */
import type { JobValues, KernelName } from "../jobs.ts";

/** Bytes [start, end) of an arena. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A job whose operands lie in the arena it was placed in. */
export interface KernelCase {
  readonly kernel: KernelName;
  readonly values: JobValues<KernelName>;
  /** Units of the split dimension. */
  readonly numUnits: number;
  /**
   * Results that are f32 numbers with fractions: only there may two kernel sets differ, by roundings. Everything else is
   * compared to the bit: whole numbers, padding, guards, and f32 numbers that the job's operands make exact.
   */
  readonly floats: readonly ByteRange[];
  /** Bytes that hold nothing of use after the job. */
  readonly scratch?: ByteRange;
}
