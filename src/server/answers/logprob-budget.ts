/** @module How many log-probabilities may be in memory at once: requests for more wait, one that never fits is refused. */
import { PagodaError } from "../../core/errors.ts";

interface Waiting {
  readonly numEntries: number;
  readonly enter: () => void;
}

/** First come, first served, so that a large request is not overtaken forever. */
export class LogprobRoom {
  private readonly capacity: number;
  private numInside = 0;
  private readonly queue: Waiting[] = [];

  /** `capacity`: entries, one per token position and reported alternative. */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /**
   * Resolves with a function to call when the answer has been sent. Throws `invalid_request` where the request alone is
   * over the capacity. A request whose `signal` fires while it waits leaves the queue; its release does nothing.
   */
  async enter(numEntries: number, signal: AbortSignal): Promise<() => void> {
    if (numEntries > this.capacity)
      throw new PagodaError(
        "invalid_request",
        `the log-probabilities asked for are up to ${numEntries} numbers; this server holds ${this.capacity} at once`,
        {
          param: "logprobs",
          hint: "Ask for fewer alternatives or shorter texts, stream, or start with more --memory.",
        },
      );
    if (numEntries === 0) return () => undefined;
    if (this.queue.length > 0 || this.numInside + numEntries > this.capacity)
      await this.wait(numEntries, signal);
    else this.numInside += numEntries;
    let isInside = !signal.aborted;
    if (!isInside) this.leave(numEntries);
    return () => {
      if (isInside) this.leave(numEntries);
      isInside = false;
    };
  }

  /** Resolves inside. An aborted request passes through in its turn. */
  private wait(numEntries: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = {
        numEntries,
        enter: () => {
          this.numInside += numEntries;
          resolve();
        },
      };
      this.queue.push(waiting);
      signal.addEventListener("abort", () => this.skip(waiting), { once: true });
    });
  }

  private skip(waiting: Waiting): void {
    const place = this.queue.indexOf(waiting);
    if (place < 0) return;
    this.queue.splice(place, 1);
    waiting.enter();
  }

  private leave(numEntries: number): void {
    this.numInside -= numEntries;
    for (let next = this.queue[0]; next !== undefined; next = this.queue[0]) {
      if (this.numInside + next.numEntries > this.capacity) return;
      this.queue.shift();
      next.enter();
    }
  }
}
