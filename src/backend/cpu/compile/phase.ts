/** @module A compiled step: phases, each a few kernel jobs that threads share out, with a barrier after it. */
import type { KernelName } from "../kernels/jobs.ts";
import type { Kernel } from "../kernels/kernel-set.ts";

/** What a phase's units are; a unit is never cut. */
export type Split =
  /** Token rows of the step, or output rows of the piece: each unit goes through all jobs in order. */
  | "tokenRows"
  | "outputRows"
  /** Units of the first job, then those of the second, and so on. */
  | "rowPacks"
  | "kvHeads"
  /** Work items × KV heads. */
  | "attentionUnits"
  | "mergeUnits"
  /** Done by thread 0 alone. */
  | "whole";

/** What the profile tells apart. */
export const phaseKinds = [
  "embed",
  "rows",
  "matmulQ4",
  "matmulQ8",
  "matmulFloat",
  "storeKv",
  "attention",
  "sample",
  "arenaCopy",
] as const;
export type PhaseKind = (typeof phaseKinds)[number];

/** One thread's job block of one kernel call. */
export interface Job {
  readonly kernelName: KernelName;
  readonly kernel: Kernel;
  readonly jobOffset: number;
  /** The arena that the job block and everything it names lie in. */
  readonly i32: Int32Array;
  /** Index into i32 of the words start and end. */
  readonly startWord: number;
  /** Split by row packs or KV heads: how many there are. Split by attention units: KV heads. Else 0. */
  readonly numUnits: number;
}

export interface Phase {
  readonly kind: PhaseKind;
  readonly split: Split;
  readonly jobs: readonly Job[];
  /** Of a product: multiply-adds of one unit and one row. Else 0. */
  readonly unitMacs: number;
  /** Reads nothing that it writes, so every thread may do all of it at once, writing the same bytes. */
  readonly isRepeatable: boolean;
  /** Of token rows: norms and rotations of heads that a later phase's `prepare` does too. */
  readonly isHeadwise: boolean;
  /**
   * Of storing keys and values, and of the attention after it: a `prepareHeads` job, which does this phase's work and that of the
   * headwise one before it. Where each sequence has one row in the step, one of the two runs it.
   */
  readonly prepare: Job | null;
  /** Copies what later layers read into their arena; such a phase has no jobs. */
  readonly arenaCopy: ArenaCopy | null;
}

/** Ranges of 4-byte numbers to copy between two arenas; integers, since copying a float may change a NaN's bits. */
export interface ArenaCopy {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly ranges: readonly CopyRange[];
}

export interface CopyRange {
  readonly fromWord: number;
  readonly toWord: number;
  readonly numWords: number;
  /** What there are numWords of each. */
  readonly per: "token" | "slice" | "attentionItem" | "mergeItem";
}

/** A word to set before the body (numTokens) or before each piece of the head. */
export interface Patch {
  readonly i32: Int32Array;
  readonly word: number;
  readonly value: "numTokens" | "numOutputs" | "firstOutput" | "outputRowIds" | "quantized";
  /** Bytes: added to "outputRowIds"; the place of "quantized" rows that threads share. */
  readonly base: number;
  /** The place of a "quantized" row that is the only one. */
  readonly privateOffset: number;
}

export interface CompiledProgram {
  readonly body: readonly Phase[];
  readonly head: readonly Phase[];
  readonly bodyPatches: readonly Patch[];
  readonly headPatches: readonly Patch[];
}
