/** @module The hidden states of a prompt's tokens, pooled to one vector while the prompt is computed. */
import type { Pooling } from "../../core/generation.ts";

export class PooledState {
  readonly #pooling: Pooling;
  readonly #numPromptTokens: number;
  /** Of all states taken so far, or the last one; allocated with the first, so a waiting request holds nothing. */
  #sums: Float64Array | null = null;
  #numTaken = 0;

  constructor(pooling: Pooling, numPromptTokens: number) {
    this.#pooling = pooling;
    this.#numPromptTokens = numPromptTokens;
  }

  /** First position whose state is still wanted. Those before it may come from the prefix cache, or be computed again. */
  get nextPosition(): number {
    return this.#pooling === "mean" ? this.#numTaken : this.#numPromptTokens - 1;
  }

  /** The state of the next position. One after another in order: the sum does not depend on how the prompt is cut. */
  take(state: Float32Array): void {
    this.#sums ??= new Float64Array(state.length);
    for (let i = 0; i < state.length; i++) this.#sums[i] = (this.#sums[i] as number) + (state[i] as number);
    this.#numTaken++;
  }

  /** [hiddenWidth]; once every wanted state was taken. */
  toVector(): Float32Array {
    return Float32Array.from(this.#sums ?? [], (sum) => sum / this.#numTaken);
  }
}
