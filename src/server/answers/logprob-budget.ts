/** @module A budget of log-probabilities in memory: a request beyond it waits, and one that can never fit is refused. */
import { PagodaError } from "../../core/errors.ts";

interface Waiting {
  readonly numEntries: number;
  readonly admit: () => void;
}

/** First come, first served: small requests do not overtake a large one forever. */
export class LogprobBudget {
  readonly #capacity: number;
  #numReserved = 0;
  readonly #queue: Waiting[] = [];

  /** `capacity`: entries, one per token position and reported alternative. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /**
   * Resolves with a function to call when the answer has been sent. Throws `invalid_request` where the request alone is
   * over the capacity. A request whose `signal` fires while it waits leaves the queue; its release does nothing.
   */
  async reserve(numEntries: number, signal: AbortSignal): Promise<() => void> {
    if (numEntries > this.#capacity)
      throw new PagodaError(
        "invalid_request",
        `The request asks for up to ${numEntries} log-probabilities; this server holds at most ${this.#capacity} at once.`,
        {
          param: "logprobs",
          hint: "Ask for fewer alternatives or shorter texts, stream, or start with more --memory.",
        },
      );
    if (numEntries === 0) return () => undefined;
    if (this.#queue.length > 0 || this.#numReserved + numEntries > this.#capacity)
      await this.#wait(numEntries, signal);
    else this.#numReserved += numEntries;
    let isHeld = !signal.aborted;
    if (!isHeld) this.#release(numEntries);
    return () => {
      if (isHeld) this.#release(numEntries);
      isHeld = false;
    };
  }

  /** Resolves once the entries are reserved. An aborted request is let through at once and gives them back. */
  #wait(numEntries: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = {
        numEntries,
        admit: () => {
          this.#numReserved += numEntries;
          resolve();
        },
      };
      this.#queue.push(waiting);
      signal.addEventListener("abort", () => this.#skip(waiting), { once: true });
    });
  }

  #skip(waiting: Waiting): void {
    const place = this.#queue.indexOf(waiting);
    if (place < 0) return;
    this.#queue.splice(place, 1);
    waiting.admit();
  }

  #release(numEntries: number): void {
    this.#numReserved -= numEntries;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (this.#numReserved + next.numEntries > this.#capacity) return;
      this.#queue.shift();
      next.admit();
    }
  }
}
