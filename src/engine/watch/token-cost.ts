/** @module Tells steps that take their time for computing tokens from those that take it for reading weights and keys. */

/** A cost that was seen long ago is believed less with every step: it doubles in 700. */
const growthPerStep = 1.001;

/**
 * What reading costs is shared by all tokens of a step, so the least time per token that was seen, in steps with many
 * tokens, is close to what computing one of them takes. A step that takes much longer for its tokens than this waits for
 * memory.
 */
export class TokenCost {
  #leastMs = Number.POSITIVE_INFINITY;

  /** Milliseconds that computing one token takes; 0 before the first step. */
  get tokenMs(): number {
    return Number.isFinite(this.#leastMs) ? this.#leastMs : 0;
  }

  observe(numTokens: number, totalMs: number): void {
    if (numTokens === 0 || totalMs <= 0) return;
    this.#leastMs = Math.min(this.#leastMs * growthPerStep, totalMs / numTokens);
  }

  limitOf(numTokens: number, totalMs: number): "compute" | "memory_bandwidth" {
    return numTokens * this.tokenMs >= totalMs / 2 ? "compute" : "memory_bandwidth";
  }
}
