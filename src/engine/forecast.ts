/** @module How many blocks what is running will still ask for, so that admission does not cause preemption. */
import type { Sequence } from "./sequence.ts";

/** Weight of the newest finished sequence in the moving mean. */
const newestWeight = 1 / 16;

/**
 * Outputs end when they end; the best guess is the mean of recent ones. A sequence that has outgrown the mean is
 * expected to go on for half of what it has already (the longer it ran, the longer it will).
 */
export class OutputForecast {
  #meanTokens: number;

  constructor(firstGuessTokens: number) {
    this.#meanTokens = firstGuessTokens;
  }

  observe(numCompletionTokens: number): void {
    this.#meanTokens += newestWeight * (numCompletionTokens - this.#meanTokens);
  }

  /** Tokens that `sequence` is expected to have generated when it ends. */
  expectedOutputTokens(sequence: Sequence): number {
    const expected = Math.max(this.#meanTokens, 1.5 * sequence.numOutputTokens);
    return Math.min(sequence.request.admitted.maxTokens, Math.ceil(expected));
  }
}
