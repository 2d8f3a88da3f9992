/** @module A compiled step: a list of phases. A phase is a few kernel jobs, divided among the threads, and a barrier after them. */
import type { KernelName } from "../kernels/jobs.ts";
import type { Kernel } from "../kernels/kernel-set.ts";

/** The units of a phase; a unit is never divided. */
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

/** The kinds that the profile distinguishes. */
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
  /** The arena of the job block and of everything it refers to. */
  readonly i32: Int32Array;
  /** Index into i32 of the words start and end. */
  readonly startWord: number;
  /** Row packs or KV heads, where the phase is split by them; KV heads, where it is split by attention units; else 0. */
  readonly numUnits: number;
}

export interface Phase {
  readonly kind: PhaseKind;
  readonly split: Split;
  readonly jobs: readonly Job[];
  /**
   * Units of the jobs of ranks 0 … r together, by rank; for attention and merging, those of one item. Empty where there is one
   * rank or the units are rows: then threads of all ranks share them alike.
   */
  readonly rankEnds: readonly number[];
  /** Multiply-adds of one unit and one row of a product; else 0. */
  readonly unitMacs: number;
  /** True where the phase reads nothing that it writes: then every thread may do all of it, and all write the same bytes. */
  readonly isRepeatable: boolean;
  /** True for norms and rotations of heads by token rows, which a later phase's `prepare` can do instead. */
  readonly isHeadwise: boolean;
  /**
   * `prepareHeads` jobs, one for each of `jobs`, of the phase that stores keys and values and of the attention phase after it. They do the work of the
   * headwise phase and of storing. Where each sequence has one row in the step, one of the two phases runs them. Else empty.
   */
  readonly prepares: readonly Job[];
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
  /** `numWords` are copied for each of these. */
  readonly per: "token" | "slice" | "attentionItem" | "mergeItem";
}

/** A word to set before the body (numTokens) or before each piece of the head. */
export interface Patch {
  readonly i32: Int32Array;
  readonly word: number;
  readonly value: "numTokens" | "numOutputs" | "firstOutput" | "outputRowIds" | "quantized";
  /** Bytes: added to "outputRowIds"; the offset of the "quantized" rows that all threads share. */
  readonly base: number;
  /** Offset of a thread's own "quantized" row, for steps with a single row. */
  readonly privateOffset: number;
}

export interface CompiledProgram {
  readonly body: readonly Phase[];
  readonly head: readonly Phase[];
  readonly bodyPatches: readonly Patch[];
  readonly headPatches: readonly Patch[];
}
