/** @module The seeded numbers of the suites: normal ones, orders, and values that survive rounding. */
import { SeededNumbers } from "../seeded-numbers.ts";

export class RandomNumbers extends SeededNumbers {
  /** Roughly normal, standard deviation 1. */
  normal(): number {
    let sum = 0;
    for (let i = 0; i < 12; i++) sum += this.uniform();
    return sum - 6;
  }

  normals(numValues: number): Float32Array {
    return Float32Array.from({ length: numValues }, () => this.normal());
  }

  /**
   * Whole numbers in [−127, 127] over 32, with a ±127 in every 32: rounding such a group to 8 bits is exact, so a
   * product over it has float32 accuracy whether or not a backend rounds its activations.
   */
  eightBitValues(numValues: number): Float32Array {
    return Float32Array.from({ length: numValues }, (_, i) => {
      const whole = i % 32 === 0 ? 127 : this.below(255) - 127;
      return whole / 32;
    });
  }

  /** 0 … numValues − 1 in some order. */
  permutation(numValues: number): number[] {
    const order = Array.from({ length: numValues }, (_, i) => i);
    for (let i = numValues - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
    }
    return order;
  }
}
