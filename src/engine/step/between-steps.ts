/** @module Changes that wait until no step is under way. */

export class BetweenSteps {
  readonly #actions: (() => void)[] = [];

  /** Resolves once `action` was done: at once while nothing runs, else by the next `settle`. */
  do(isRunning: boolean, action: () => void): Promise<void> {
    if (!isRunning) {
      action();
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#actions.push(() => {
      action();
      resolve();
    });
    return promise;
  }

  /** To be called before a step is planned, and when no step follows. */
  settle(): void {
    if (this.#actions.length > 0) for (const action of this.#actions.splice(0)) action();
  }
}
