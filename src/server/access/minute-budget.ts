/** @module A budget of so many a minute, refilled all the time (a token bucket). */

const minuteMs = 60_000;

export class MinuteBudget {
  readonly perMinute: number;
  readonly #clock: () => number;
  /** Below 0 where more was used than was known beforehand. */
  #left: number;
  #refilledMs: number;

  /** `clock`: monotonic milliseconds. */
  constructor(perMinute: number, clock: () => number) {
    this.perMinute = perMinute;
    this.#clock = clock;
    this.#left = perMinute;
    this.#refilledMs = clock();
  }

  /** Milliseconds until `amount` can be used; 0: now. */
  waitMs(amount: number): number {
    this.#refill();
    return Math.max(0, ((amount - this.#left) / this.perMinute) * minuteMs);
  }

  use(amount: number): void {
    this.#refill();
    this.#left -= amount;
  }

  #refill(): void {
    const nowMs = this.#clock();
    this.#left = Math.min(
      this.perMinute,
      this.#left + ((nowMs - this.#refilledMs) / minuteMs) * this.perMinute,
    );
    this.#refilledMs = nowMs;
  }
}
