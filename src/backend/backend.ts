/** @module The contract of a backend: it loads a program with its weights and then runs steps. The engine knows only this. */
import type { KvDtype } from "../core/kv-layout.ts";
import type { Program } from "./program.ts";

export { storageOf } from "./encodings/storage.ts";
export { isTranscoded } from "./encodings/transcoded-types.ts";
export type * from "./program.ts";

/** The largest step that may be run. */
export interface StepLimits {
  /** Tokens in a block of the KV cache; a multiple of 16. */
  readonly blockSize: number;
  /** Longest sequence in tokens, its output included. */
  readonly maxModelLen: number;
  /** Most sequence slices in a step. */
  readonly maxNumSeqs: number;
  /** Most tokens in a step. */
  readonly maxNumBatchedTokens: number;
  /** Most log-probabilities reported per position. */
  readonly maxLogprobs: number;
}

/** What a model is allocated for, once, before its first step. */
export interface BackendLimits extends StepLimits {
  /** Blocks of the KV cache. */
  readonly numBlocks: number;
  readonly kvDtype: KvDtype;
}

/**
 * One step's inputs: views on the backend's own memory, written in place by the engine before `step()`.
 * A slice is a series of consecutive tokens of one sequence; its tokens lie in consecutive rows.
 */
export interface StepInputs {
  numTokens: number;
  numSlices: number;
  numOutputs: number;
  /** [maxNumBatchedTokens] */
  readonly tokenIds: Int32Array;
  /** [maxNumBatchedTokens] position in its sequence, from 0 */
  readonly positions: Int32Array;
  /**
   * [maxNumBatchedTokens] blockId · blockSize + offset: where this token's key and value go. Only the token's own slice may
   * read there in the same step.
   */
  readonly slots: Int32Array;
  /** [maxNumSeqs + 1] first token row of each slice; entry numSlices = numTokens */
  readonly sliceStarts: Int32Array;
  /** [maxNumSeqs, maxBlocksPerSequence] row-major block ids of each slice's sequence */
  readonly blockTables: Int32Array;
  readonly maxBlocksPerSequence: number;
  /** [maxNumBatchedTokens] token row whose logits are wanted, ascending; outputs of one slice follow each other */
  readonly outputRows: Int32Array;
  readonly sampling: SamplingInputs;
}

/** What to do with the logits of each output row. Log-probabilities are those of the raw logits. */
export interface SamplingInputs {
  /** [maxNumBatchedTokens] ≥ 0: report this token's log-probability instead of sampling (prompt log-probabilities); −1: sample */
  readonly targetTokenIds: Int32Array;
  /** [maxNumBatchedTokens] how many of the likeliest tokens to report; 0 for none */
  readonly numTopLogprobs: Int32Array;
  /** [maxNumBatchedTokens] 1: also report the chosen token's log-probability and rank (costs a pass over the vocabulary) */
  readonly wantsLogprob: Uint8Array;
  /** [maxNumBatchedTokens] 0 is greedy */
  readonly temperature: Float32Array;
  /** [maxNumBatchedTokens] 0 or the vocabulary: off */
  readonly topK: Int32Array;
  readonly topP: Float32Array;
  readonly minP: Float32Array;
  /** Uniform in [0, 1), drawn by the engine from the sequence's seed and position. */
  readonly uniform: Float64Array;
  readonly repetitionPenalty: Float32Array;
  readonly frequencyPenalty: Float32Array;
  readonly presencePenalty: Float32Array;
  /**
   * Tokens already seen, per output row, compressed: entries [seenStarts[o], seenStarts[o+1]).
   * seenCounts = times in the output; 0 = only in the prompt (repetition penalty alone applies).
   */
  readonly seenStarts: Int32Array;
  readonly seenTokenIds: Int32Array;
  readonly seenCounts: Int32Array;
  /** logit_bias and bans (−Infinity), entries [biasStarts[o], biasStarts[o+1]). */
  readonly biasStarts: Int32Array;
  readonly biasTokenIds: Int32Array;
  readonly biasValues: Float32Array;
  /** [maxNumBatchedTokens] m > 0: only tokens of mask m − 1 may be sampled; 0: all. */
  readonly maskNumbers: Int32Array;
  /**
   * [maxNumSeqs, maskWords(vocabulary)] bit t & 31 of word t >> 5: token t is allowed. Valid from the end of `writeMasks`
   * (`LoadedModel.step`) to the end of the step.
   */
  readonly masks: Int32Array;
}

/** Words of a mask over a vocabulary. */
export function maskWords(vocabularyWidth: number): number {
  return Math.ceil(vocabularyWidth / 32);
}

/** One step's results, one entry per output row; overwritten by the next step. */
export interface StepResults {
  /** sampled token (or the target given); −1: the row's logits are not finite, and its other results are meaningless */
  readonly tokenIds: Int32Array;
  /** of that token, nats */
  readonly logprobs: Float32Array;
  /** 1 = likeliest */
  readonly ranks: Int32Array;
  /** [.., maxLogprobs] likeliest first, ties by lower id */
  readonly topTokenIds: Int32Array;
  readonly topLogprobs: Float32Array;
}

/** A buffer in use, recorded by the allocator that made it. */
export interface Allocation {
  /** Of an instance of several ranks. */
  readonly rank?: number;
  readonly component: "weights" | "workspace" | "kvPool" | "tables";
  readonly name: string;
  readonly numBytes: number;
}

/** What a model gave back to the operating system. */
export interface ReleasedMemory {
  readonly releasedBytes: number;
  /** Why nothing, or not everything, could be given back; null if all was. */
  readonly keptBecause: string | null;
}

/** Where the time of the last step went, milliseconds of wall time. */
export interface StepTiming {
  readonly totalMs: number;
  readonly kernelMs: number;
  readonly barrierMs: number;
}

/** The kernels that a model runs on, described for people. */
export interface KernelDescription {
  /** For example `reference`, `wasm` or `machine-code-avx2`. */
  readonly name: string;
  /** Why no faster kernels are used; absent where the best ones, or those that were asked for, are. */
  readonly reason?: string;
  /** Milliseconds for which the kernels were tested before they were trusted; absent where they need no test. */
  readonly selfTestMs?: number;
}

export interface LoadedModel {
  readonly kernels: KernelDescription;
  /**
   * Neighboring slices of a step that begin with the same blocks are cheaper, in whole multiples of this many tokens:
   * the backend reads their common keys and values once. 0: it reads them for every slice.
   */
  readonly sharedPrefixTokens: number;
  readonly inputs: StepInputs;
  readonly results: StepResults;
  /**
   * Runs one step over `inputs`. Rejects if a thread died: the model is then unusable and must be closed. Where a row of
   * `maskNumbers` is above 0, `writeMasks` is needed: it is called once, while the step computes if the backend can, and
   * fills `masks`. If it throws, the step ends all the same, and then rejects with what was thrown.
   */
  step(writeMasks?: () => void): Promise<void>;
  /** Copies whole blocks in every layer, before the next step: [from, to, from, to, …] (copy-on-write). */
  copyBlocks(pairs: readonly number[]): void;
  /** Logits of output row `o` of the last piece of the last step; a view, for tests and diagnosis. */
  logitsRow(outputRow: number): Float32Array;
  /** Numbers in a hidden state. */
  readonly hiddenWidth: number;
  /** Writes the hidden state of token row `t` of the last step, after the final norm, to `out` [hiddenWidth]. */
  readHidden(tokenRow: number, out: Float32Array): void;
  readonly allocations: readonly Allocation[];
  lastStepTiming(): StepTiming;
  /** Milliseconds of the last step by kind of operation, mean of the threads, where the backend tells them apart. */
  lastStepProfile?(): Readonly<Record<string, number>>;
  /**
   * Gives memory back to the operating system between two steps: the KV pool and the activations, and with `weights` the
   * weights too. No step may run until `restore()` has resolved. The contents of the KV pool are lost.
   */
  release(parts: { readonly weights: boolean }): ReleasedMemory;
  /** Makes all memory resident again, and reads the weights again if they were released. */
  restore(): Promise<void>;
  /** Calls the listener once if a thread dies while no step is running. If one dies during a step, `step()` rejects. */
  onIdleFailure?(listener: (cause: Error) => void): void;
  close(): Promise<void>;
}

export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

export interface Backend {
  readonly name: "reference" | "cpu" | "webgpu";
  load(
    program: Program,
    limits: BackendLimits,
    onProgress?: (progress: LoadProgress) => void,
  ): Promise<LoadedModel>;
}
