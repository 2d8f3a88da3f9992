/**
 * @module The barrier at which worker threads wait for each other between two dependent operations.
 *
 * Four words of shared memory:
 *
 *   numArrived   threads that reached the current barrier
 *   generation   counts barriers passed; a waiting thread waits for it to change
 *   numSleeping  threads that gave up spinning; the last to arrive wakes them only if there are any
 *   failed       1 once a thread died or threw: a waiting thread then throws instead of waiting forever
 */
import { invariant } from "../../../core/errors.ts";

export const barrierWords = { numArrived: 0, generation: 1, numSleeping: 2, failed: 3 } as const;
export const numBarrierWords = 4;
/** About a microsecond: the usual lateness of a thread that did as much as the others, on a processor of its own. */
const fewestSpins = 100;

/** Thrown out of a wait when another thread has failed. */
export class PeerFailedError extends Error {
  override readonly name = "PeerFailedError";
}

export class Barrier {
  readonly #words: Int32Array;
  readonly #numThreads: number;
  /** Most reads of the generation before sleeping: about 30 µs, longer than any operation's imbalance on an idle machine. */
  readonly #maxSpins: number;
  /** Reads before sleeping now: doubled when the others came in time, halved when not, since they may need this processor. */
  #numSpins: number;

  constructor(words: Int32Array, numThreads: number, numSpins: number) {
    invariant(words.length === numBarrierWords, () => `a barrier has ${numBarrierWords} words`);
    this.#words = words;
    this.#numThreads = numThreads;
    this.#maxSpins = numSpins;
    this.#numSpins = numSpins;
  }

  /** True for the last thread to arrive, which must call `release`; the others return once it has. */
  arrive(): boolean {
    const words = this.#words;
    const generation = Atomics.load(words, barrierWords.generation);
    // A failing thread stores `failed` before it moves the generation: after reading the new generation, `failed` is visible.
    if (hasFailed(words)) throw new PeerFailedError();
    if (Atomics.add(words, barrierWords.numArrived, 1) === this.#numThreads - 1) return true;
    this.#await(generation);
    return false;
  }

  /** Arrives for the last time in a step, without waiting. @returns the number of threads that did so before */
  leave(): number {
    const words = this.#words;
    if (hasFailed(words)) throw new PeerFailedError();
    const numLeft = Atomics.add(words, barrierWords.numArrived, 1);
    // No thread arrives again before the next step, which starts after the last thread has told the coordinator.
    if (numLeft === this.#numThreads - 1) Atomics.store(words, barrierWords.numArrived, 0);
    return numLeft;
  }

  release(): void {
    const words = this.#words;
    Atomics.store(words, barrierWords.numArrived, 0);
    advance(words);
    if (hasFailed(words)) throw new PeerFailedError();
  }

  #await(generation: number): void {
    const words = this.#words;
    let numSpins = this.#numSpins;
    while (numSpins-- > 0) if (Atomics.load(words, barrierWords.generation) !== generation) break;
    if (numSpins < 0) {
      this.#numSpins = Math.max(fewestSpins, this.#numSpins >> 1);
      sleepWhile(words, generation);
    } else this.#numSpins = Math.min(this.#maxSpins, 2 * this.#numSpins);
    if (hasFailed(words)) throw new PeerFailedError();
  }
}

/** Sleeps until the generation is no longer `generation`. */
export function sleepWhile(words: Int32Array, generation: number): void {
  Atomics.add(words, barrierWords.numSleeping, 1);
  while (Atomics.load(words, barrierWords.generation) === generation)
    Atomics.wait(words, barrierWords.generation, generation);
  Atomics.sub(words, barrierWords.numSleeping, 1);
}

/** Starts the next generation and wakes the sleeping threads. */
export function advance(words: Int32Array): void {
  Atomics.add(words, barrierWords.generation, 1);
  // Sequentially consistent with sleepWhile: a thread that counts itself after this load finds the generation changed.
  if (Atomics.load(words, barrierWords.numSleeping) > 0) Atomics.notify(words, barrierWords.generation);
}

export function hasFailed(words: Int32Array): boolean {
  return Atomics.load(words, barrierWords.failed) === 1;
}

/** Makes every thread throw that waits now or later. Any thread may call it, also more than once. */
export function failBarrier(words: Int32Array): void {
  Atomics.store(words, barrierWords.failed, 1);
  Atomics.add(words, barrierWords.generation, 1);
  Atomics.notify(words, barrierWords.generation);
}
