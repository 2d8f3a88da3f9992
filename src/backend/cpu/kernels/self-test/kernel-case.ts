/** @module One job of one kernel with seeded operands, and the rule by which its results are compared. */
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
  /** Units that the job can be divided into. */
  readonly numUnits: number;
  /**
   * Results that are f32 numbers with fractions: only these may differ between kernel sets, by roundings. Everything else must be
   * equal to the bit: whole numbers, padding, guards, and f32 numbers that are exact because of the job's operands.
   */
  readonly floats: readonly ByteRange[];
  /** Bytes that the job uses as scratch: their contents afterwards are not compared. */
  readonly scratch?: ByteRange;
}
