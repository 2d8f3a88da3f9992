/**
 * @module The circuit breaker of one endpoint: after many failures it is left alone for a while, then tried with one request.
 *
 * A failure is what the endpoint did wrong: no connection, a reset before the first byte, an answer of status 5xx without
 * `Retry-After`. An answer of status 4xx is the client's, and a client that leaves is no failure either: neither opens it.
 */

export interface BreakerNumbers {
  /** So many failures within `windowMs` open it. */
  readonly failures: number;
  readonly windowMs: number;
  readonly openMs: number;
  /** So long it stays open where the model has no other endpoint to go to. */
  readonly aloneOpenMs: number;
  /** Successes, one at a time, that close it again. */
  readonly successes: number;
}

/** vllm-router's numbers, but for `aloneOpenMs`, which it does not have. */
const defaultBreaker: BreakerNumbers = {
  failures: 10,
  windowMs: 120_000,
  openMs: 60_000,
  aloneOpenMs: 5000,
  successes: 3,
};

export type BreakerState = "closed" | "open" | "half-open";

export class Breaker {
  readonly #numbers: BreakerNumbers;
  readonly #clock: () => number;
  #failedMs: number[] = [];
  #openedMs: number | null = null;
  #numSuccesses = 0;
  #isProbing = false;

  constructor(clock: () => number, numbers: BreakerNumbers = defaultBreaker) {
    this.#clock = clock;
    this.#numbers = numbers;
  }

  get state(): BreakerState {
    if (this.#openedMs === null) return "closed";
    return this.#clock() - this.#openedMs < this.#numbers.openMs ? "open" : "half-open";
  }

  /** Whether a request may be sent now. While half open, one at a time. */
  get isPassable(): boolean {
    const { state } = this;
    return state === "closed" || (state === "half-open" && !this.#isProbing);
  }

  /** The same where every endpoint of the model is open: one that may work is tried sooner than it else would be. */
  get isPassableAlone(): boolean {
    if (this.#openedMs === null) return true;
    return this.#clock() - this.#openedMs >= this.#numbers.aloneOpenMs && !this.#isProbing;
  }

  /** When it may let a request through by itself again, in milliseconds from now: the two moments, nearest first. */
  get opensInMs(): readonly number[] {
    if (this.#openedMs === null) return [];
    const openMs = this.#clock() - this.#openedMs;
    return [this.#numbers.aloneOpenMs - openMs, this.#numbers.openMs - openMs].filter((ms) => ms > 0);
  }

  /** A request is on its way; exactly one of the three that follow ends it. */
  begin(): void {
    if (this.#openedMs !== null) this.#isProbing = true;
  }

  succeeded(): void {
    this.#isProbing = false;
    if (this.#openedMs === null) return;
    this.#numSuccesses += 1;
    if (this.#numSuccesses < this.#numbers.successes) return;
    this.#openedMs = null;
    this.#failedMs = [];
    this.#numSuccesses = 0;
  }

  failed(): void {
    const nowMs = this.#clock();
    this.#isProbing = false;
    this.#numSuccesses = 0;
    this.#failedMs = [...this.#failedMs.filter((ms) => nowMs - ms < this.#numbers.windowMs), nowMs];
    if (this.#openedMs !== null || this.#failedMs.length >= this.#numbers.failures) this.#openedMs = nowMs;
  }

  /** The client left, or the request was its fault: this says nothing of the endpoint. */
  undecided(): void {
    this.#isProbing = false;
  }
}
