/** @module Where long texts are cut into tokens: one after another and in slices, so that nobody else waits for them. */

/** Work between two turns of the event loop: little beside a step, so that steps go on and streams flow. */
const sliceMs = 2;

/** A text under way: yields how many tokens there are so far, returns them all. */
export type TextSteps = Generator<number, readonly number[]>;

export class TokenizerQueue {
  /** Resolves when the text that came last is done, whatever became of it. */
  #last: Promise<undefined> = Promise.resolve(undefined);

  /**
   * Texts take turns in the order of the calls. Resolves with null once `signal` is aborted. `check` sees the number of
   * tokens at each pause; what it throws ends the text.
   */
  run(
    steps: TextSteps,
    signal: AbortSignal,
    check: (numTokens: number) => void,
  ): Promise<readonly number[] | null> {
    const result = this.#last.then(() => inSlices(steps, signal, check));
    this.#last = result.then(forgotten, forgotten);
    return result;
  }
}

async function inSlices(
  steps: TextSteps,
  signal: AbortSignal,
  check: (numTokens: number) => void,
): Promise<readonly number[] | null> {
  while (!signal.aborted) {
    const endMs = performance.now() + sliceMs;
    do {
      const step = steps.next();
      if (step.done === true) return step.value;
      check(step.value);
    } while (performance.now() < endMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return null;
}

/** The next text waits for the end of this one, and must not hold its tokens. */
function forgotten(): undefined {
  return undefined;
}
