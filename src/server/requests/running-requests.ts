/** @module Every request in flight has one abort signal: fired when its client leaves or the server must stop. */
import type { ServerResponse } from "node:http";
import { PagodaError } from "../../core/errors.ts";

export class RunningRequests {
  readonly #controllers = new Set<AbortController>();
  #onNone: (() => void) | null = null;

  /**
   * The signal of one request; aborted as soon as its connection closes before the answer is complete.
   * The entry is dropped when the response closes, however it ended.
   */
  begin(response: ServerResponse): AbortSignal {
    const controller = new AbortController();
    this.#controllers.add(controller);
    response.once("close", () => {
      this.#controllers.delete(controller);
      if (!response.writableFinished) controller.abort();
      if (this.#controllers.size === 0) this.#onNone?.();
    });
    return controller.signal;
  }

  get numRunning(): number {
    return this.#controllers.size;
  }

  /** Resolves when none is running, or after `mostMs`. For one caller. */
  settled(mostMs: number): Promise<void> {
    if (this.#controllers.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, mostMs);
      this.#onNone = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  abortAll(): void {
    for (const controller of this.#controllers) controller.abort();
  }
}

/** The error of a request whose signal fired: nobody is left to read it, unless the server stops. */
export function endedEarly(): PagodaError {
  return new PagodaError("not_ready", "The request was ended before its answer was complete.", {
    hint: "Send it again.",
  });
}
