/** @module Random numbers that are the same for a seed on every machine, for self-tests, tests and benchmarks. */
import { seededUniform } from "../core/seeded-uniform.ts";

export class SeededNumbers {
  /** The next number, in [0, 1). */
  readonly uniform: () => number;

  constructor(seed: number) {
    this.uniform = seededUniform(seed);
  }

  /** A whole number in [0, 2^32). */
  bits(): number {
    return this.uniform() * 2 ** 32;
  }

  /** A whole number in [0, numValues). */
  below(numValues: number): number {
    return Math.floor(this.uniform() * numValues);
  }

  /** A whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** In [−1, 1). */
  signed(): number {
    return 2 * this.uniform() - 1;
  }
}

/** Numbers in [−scale, scale). */
export function seededFloats(seed: number, length: number, scale = 1): Float32Array {
  const random = new SeededNumbers(seed);
  return Float32Array.from({ length }, () => scale * random.signed());
}
