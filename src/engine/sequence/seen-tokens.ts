/** @module Which tokens a sequence has seen and how often; the penalties need it. */

const firstCapacity = 64;

/**
 * Distinct tokens of prompt and output with their number of occurrences in the output (0: only in the prompt). Kept in
 * two parallel arrays, so that a step copies them without iterating a map.
 */
export class SeenTokens {
  #tokenIds: Int32Array = new Int32Array(firstCapacity);
  #numInOutput: Int32Array = new Int32Array(firstCapacity);
  #numDistinct = 0;
  readonly #indexOf = new Map<number, number>();

  get numDistinct(): number {
    return this.#numDistinct;
  }

  addPromptToken(tokenId: number): void {
    this.#index(tokenId);
  }

  addOutputToken(tokenId: number): void {
    const index = this.#index(tokenId);
    this.#numInOutput[index] = (this.#numInOutput[index] as number) + 1;
  }

  /** Writes all entries at `at` of both arrays. */
  copyTo(tokenIds: Int32Array, numInOutput: Int32Array, at: number): void {
    for (let i = 0; i < this.#numDistinct; i++) {
      tokenIds[at + i] = this.#tokenIds[i] as number;
      numInOutput[at + i] = this.#numInOutput[i] as number;
    }
  }

  #index(tokenId: number): number {
    const known = this.#indexOf.get(tokenId);
    if (known !== undefined) return known;
    if (this.#numDistinct === this.#tokenIds.length) {
      this.#tokenIds = doubled(this.#tokenIds);
      this.#numInOutput = doubled(this.#numInOutput);
    }
    const index = this.#numDistinct++;
    this.#tokenIds[index] = tokenId;
    this.#indexOf.set(tokenId, index);
    return index;
  }
}

function doubled(values: Int32Array): Int32Array {
  const grown = new Int32Array(2 * values.length);
  grown.set(values);
  return grown;
}
