/**
 * @module One start at a time on each device. Engines measure what is free while they start; two at once see each other's
 * passing needs and both come out wrong.
 */
import { type HeldLock, lockWhenFree } from "../store/exclusive-lock.ts";

export class StartLock {
  /** Device → the end of the last start that was let in. */
  readonly #last = new Map<string, Promise<void>>();
  readonly #pathOf: (deviceId: string) => string | null;

  /** `pathOf`: the lock file of a device that other supervisors of this machine heed; null: there are none. */
  constructor(pathOf: (deviceId: string) => string | null = () => null) {
    this.#pathOf = pathOf;
  }

  /** Runs `start` once no other start runs on any of its devices. Starts are let in in the order of their calls. */
  async run<Result>(
    deviceIds: readonly string[],
    signal: AbortSignal,
    start: () => Promise<Result>,
  ): Promise<Result> {
    const before = deviceIds.map((id) => this.#last.get(id) ?? Promise.resolve());
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const id of deviceIds) this.#last.set(id, promise);
    const held: HeldLock[] = [];
    try {
      await Promise.all(before);
      // In one order for all, so that two supervisors cannot wait for each other.
      for (const path of deviceIds.toSorted().map((id) => this.#pathOf(id))) {
        const lock = path === null ? null : await lockWhenFree(path, signal);
        if (lock !== null) held.push(lock);
      }
      return await start();
    } finally {
      for (const lock of held) lock.release();
      resolve();
    }
  }
}
