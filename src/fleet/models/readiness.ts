/** @module Those who wait until a model has an instance that takes requests. */

export class Readiness {
  readonly #isReady: () => boolean;
  readonly #waiting = new Set<() => void>();

  constructor(isReady: () => boolean) {
    this.#isReady = isReady;
  }

  /** Something has changed: those who wait look again. */
  look(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves at the next change, after `mostMs`, or when the signal is aborted; at once where it is ready. */
  async change(mostMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isReady() || signal.aborted || mostMs <= 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, mostMs);
      timer.unref();
      this.#waiting.add(done);
      signal.addEventListener("abort", done);
    });
  }
}
