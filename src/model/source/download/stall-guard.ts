/** @module Gives up a connection that stays open and brings nothing. */

/** Aborts its signal `stallMs` after it last heard of progress. Its maker ends it. */
export class StallGuard {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(stallMs: number) {
    const fault = new DOMException(`nothing came for ${stallMs / 1000} s`, "TimeoutError");
    this.#timer = setTimeout(() => this.#abort.abort(fault), stallMs);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  progressed(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
