/** @module An engine's sleep: which memory it gave back, and that it gives back and takes again one after the other. */
import type { LoadedModel } from "../backend/backend.ts";
import type { SleepLevel, SleepReport } from "../core/generation.ts";
import { asleep } from "./engine-errors.ts";

export interface SleepParts {
  readonly model: Pick<LoadedModel, "release" | "restore">;
  /** Ends running requests, or waits for them; resolves when no step runs. */
  readonly settle: (waits: boolean) => Promise<void>;
  /** The contents of all blocks are about to be lost. */
  readonly dropBlocks: () => void;
}

export class EngineSleep {
  readonly #parts: SleepParts;
  #level: SleepLevel | null = null;
  #isWaking = false;
  /** The last change; the next one waits for it. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(parts: SleepParts) {
    this.#parts = parts;
  }

  /** null while awake; from the moment at which a sleep is asked for, requests are refused. */
  get level(): SleepLevel | null {
    return this.#level;
  }

  /** Throws `not_ready` from the moment at which a sleep is asked for until the engine has woken. */
  requireAwake(): void {
    if (this.#level !== null) throw asleep();
  }

  /** A deeper sleep than the present one releases more; a lighter one changes nothing. */
  sleep(level: SleepLevel, waits: boolean): Promise<SleepReport> {
    if (this.#level === null || this.#isWaking || level > this.#level) this.#level = level;
    return this.#after(async () => {
      await this.#parts.settle(waits);
      this.#parts.dropBlocks();
      const deepest = this.#level ?? level;
      this.#level = deepest;
      return { level: deepest, ...this.#parts.model.release({ weights: deepest === 2 }) };
    });
  }

  /** Resolves when requests are taken again. */
  wake(): Promise<void> {
    return this.#after(async () => {
      if (this.#level === null) return;
      this.#isWaking = true;
      try {
        await this.#parts.model.restore();
        this.#level = null;
      } finally {
        this.#isWaking = false;
      }
    });
  }

  #after<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(change);
    this.#changing = done.catch(() => undefined);
    return done;
  }
}
