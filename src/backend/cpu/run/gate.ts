/**
 * @module Where threads wait between two steps: a barrier's words, whose generation the coordinator moves.
 *
 * Waking a sleeping thread takes 50 µs or more, so a thread first reads the generation for a while. Not every thread may do so:
 * on a machine with as many threads as processors, the coordinator needs one of these to write the next step's inputs.
 */
import { barrierWords, sleepWhile } from "./barrier.ts";

/** Some 300 µs, the usual time between two steps of a busy server; after that, an idle server uses no processor. */
const mostLooks = 30_000;
/** After reading in vain, a thread sleeps at once before a number of steps, which doubles each time, up to this. */
const mostSleepingSteps = 64;

export class Gate {
  readonly #words: Int32Array;
  readonly #mayLook: boolean;
  #generation = 0;
  #numSleepingSteps = 0;
  #penalty = 1;

  constructor(words: Int32Array, mayLook: boolean) {
    this.#words = words;
    this.#mayLook = mayLook;
  }

  /** Returns when the coordinator moves the gate; immediately if it has moved since the last call. */
  pass(): void {
    if (!this.#seesItMove()) sleepWhile(this.#words, this.#generation);
    this.#generation += 1;
  }

  #seesItMove(): boolean {
    if (!this.#mayLook) return false;
    if (this.#numSleepingSteps > 0) {
      this.#numSleepingSteps -= 1;
      return false;
    }
    for (let look = 0; look < mostLooks; look++)
      if (Atomics.load(this.#words, barrierWords.generation) !== this.#generation) {
        this.#penalty = 1;
        return true;
      }
    this.#numSleepingSteps = this.#penalty;
    this.#penalty = Math.min(mostSleepingSteps, 2 * this.#penalty);
    return false;
  }
}
