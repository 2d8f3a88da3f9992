/**
 * @module One start at a time on each device. Engines measure what is free while they start; two at once see each other's
 * passing needs and both come out wrong.
 */

export class StartLock {
  /** Device → the end of the last start that was let in. */
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `start` once no other start runs on any of its devices. Starts are let in in the order of their calls. */
  async run<Result>(deviceIds: readonly string[], start: () => Promise<Result>): Promise<Result> {
    const before = deviceIds.map((id) => this.#last.get(id) ?? Promise.resolve());
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const id of deviceIds) this.#last.set(id, promise);
    try {
      await Promise.all(before);
      return await start();
    } finally {
      resolve();
    }
  }
}
