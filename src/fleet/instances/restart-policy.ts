/**
 * @module What follows when an instance ends without being asked to: by why it ended, and by how often it has lately.
 */
import type { EndKind } from "../drivers/contract/driver.ts";

export interface RestartNumbers {
  readonly firstPauseMs: number;
  readonly mostPauseMs: number;
  /** Share of a pause that is random, so that instances that fell together do not start together. */
  readonly jitter: number;
  /** So many crashes within `loopWindowMs` are a crash loop. */
  readonly loopCrashes: number;
  readonly loopWindowMs: number;
  /** An instance that was ready for so long begins anew. */
  readonly resetAfterMs: number;
  /** How long, from the first such end, memory may take to come back. */
  readonly memoryWithinMs: number;
  readonly mostMemoryPauseMs: number;
}

const defaultRestart: RestartNumbers = {
  firstPauseMs: 1000,
  mostPauseMs: 300_000,
  jitter: 0.2,
  loopCrashes: 5,
  loopWindowMs: 600_000,
  resetAfterMs: 600_000,
  memoryWithinMs: 120_000,
  mostMemoryPauseMs: 15_000,
};

export type Decision =
  | { readonly kind: "restart"; readonly afterMs: number }
  | { readonly kind: "crashloop"; readonly afterMs: number }
  | { readonly kind: "failed" };

export class RestartPolicy {
  readonly #numbers: RestartNumbers;
  readonly #random: () => number;
  #crashedMs: number[] = [];
  #numPauses = 0;
  /** Of the starts one after another that found too little memory: when the first one ended, and how many. */
  #shortOf: { readonly sinceMs: number; readonly count: number } | null = null;

  constructor(random: () => number, numbers: Partial<RestartNumbers> = {}) {
    this.#random = random;
    this.#numbers = { ...defaultRestart, ...numbers };
  }

  /** `readyMs`: how long it had been ready; 0 where it never was. `nowMs`: monotonic. */
  decide(kind: EndKind, readyMs: number, nowMs: number): Decision {
    if (kind === "configuration") return { kind: "failed" };
    if (kind === "port") return { kind: "restart", afterMs: 0 };
    if (kind === "memory-not-back") return this.#afterShortage(readyMs > 0, nowMs);
    this.#shortOf = null;
    if (readyMs >= this.#numbers.resetAfterMs) this.#reset();
    const { loopWindowMs, loopCrashes, mostPauseMs } = this.#numbers;
    this.#crashedMs = [...this.#crashedMs.filter((ms) => nowMs - ms < loopWindowMs), nowMs];
    if (this.#crashedMs.length >= loopCrashes)
      return { kind: "crashloop", afterMs: this.#spread(mostPauseMs) };
    const pauseMs = Math.min(mostPauseMs, this.#numbers.firstPauseMs * 2 ** this.#numPauses);
    this.#numPauses += 1;
    return { kind: "restart", afterMs: this.#spread(pauseMs) };
  }

  /** Waits longer each time, and not for ever: others may have taken the bytes for good. */
  #afterShortage(isNew: boolean, nowMs: number): Decision {
    const { sinceMs, count } = (isNew ? null : this.#shortOf) ?? { sinceMs: nowMs, count: 0 };
    const { firstPauseMs, mostMemoryPauseMs, memoryWithinMs } = this.#numbers;
    if (nowMs - sinceMs >= memoryWithinMs) return { kind: "failed" };
    this.#shortOf = { sinceMs, count: count + 1 };
    return { kind: "restart", afterMs: Math.min(mostMemoryPauseMs, firstPauseMs * 2 ** count) };
  }

  #reset(): void {
    this.#crashedMs = [];
    this.#numPauses = 0;
  }

  #spread(pauseMs: number): number {
    return pauseMs * (1 + this.#numbers.jitter * (2 * this.#random() - 1));
  }
}
