/** @module How many entries come after one in an order that changes: a Fenwick tree over moments. */

/** Moments run from 0 to numMoments − 1; each is marked at most once. `mark`, `clear` and `numAfter` are O(log n). */
export class OrderCounts {
  /** [numMoments + 1], 1-based partial sums. */
  readonly #sums: Int32Array;
  #total = 0;

  constructor(numMoments: number) {
    this.#sums = new Int32Array(numMoments + 1);
  }

  mark(moment: number): void {
    this.#add(moment, 1);
  }

  clear(moment: number): void {
    this.#add(moment, -1);
  }

  clearAll(): void {
    this.#sums.fill(0);
    this.#total = 0;
  }

  /** Marks at later moments. */
  numAfter(moment: number): number {
    let numUpTo = 0;
    for (let i = moment + 1; i > 0; i -= i & -i) numUpTo += this.#sums[i] as number;
    return this.#total - numUpTo;
  }

  #add(moment: number, by: 1 | -1): void {
    this.#total += by;
    for (let i = moment + 1; i < this.#sums.length; i += i & -i)
      this.#sums[i] = (this.#sums[i] as number) + by;
  }
}
