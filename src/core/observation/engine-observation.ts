/** @module What an engine says of itself to those who watch it: counters since its start, and the sequences it holds now. */

import type { BindingLimit } from "./binding-limit.ts";
import type { BlockCounts } from "./block-counts.ts";
import type { EngineStats } from "./engine-stats.ts";

export interface SequenceFacts {
  readonly requestId: string;
  /** Which of the request's n. */
  readonly index: number;
  readonly state: "waiting" | "running";
  /** Milliseconds since its request arrived. */
  readonly ageMs: number;
  readonly numPromptTokens: number;
  /** Tokens whose keys and values are in its blocks. */
  readonly numComputedTokens: number;
  readonly numOutputTokens: number;
  readonly maxTokens: number;
  /** Of the prompt, from the prefix cache. */
  readonly numCachedTokens: number;
  readonly numBlocks: number;
  readonly numPreemptions: number;
  /** Blocks × milliseconds for which it held them, summed over steps. */
  readonly blockMs: number;
  /** Blocks that admission expects it to hold at its end. */
  readonly numForecastBlocks: number;
}

/** Sums over all steps since the start; times in milliseconds. */
export interface StepTotals {
  readonly numSteps: number;
  readonly totalMs: number;
  readonly scheduleMs: number;
  readonly kernelMs: number;
  readonly barrierMs: number;
  readonly numTokens: number;
  /** As the step-time model predicted each step before it ran. */
  readonly predictedMs: number;
  /** Of |measured − predicted| / measured. */
  readonly relativeError: number;
}

export interface EngineObservation {
  readonly stats: EngineStats;
  readonly blocks: BlockCounts;
  readonly steps: StepTotals;
  /** Milliseconds of steps by what bound them; the rest of the time there was nothing to do. */
  readonly limitMs: Readonly<Record<BindingLimit, number>>;
  /** What one more token makes a step longer, where steps are long enough for it to show. */
  readonly tokenMs: number;
}
