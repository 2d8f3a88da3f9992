/** @module Random numbers that are the same every time. */

/** Numbers that look random and are the same every time (xorshift, 32 bits). */
export class SeededNumbers {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761) | 1;
  }
  /** [0, 2^32) */
  bits(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }
  /** Whole, in [low, high]. */
  between(low: number, high: number): number {
    return low + (this.bits() % (high - low + 1));
  }
  /** [−1, 1) */
  signed(): number {
    return this.bits() / 2 ** 31 - 1;
  }
}
