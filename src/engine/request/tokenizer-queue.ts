/** @module Long texts are tokenized one after another and in time slices, so that other requests do not wait for them. */

/** Work between two turns of the event loop: short compared with a step, so that steps and streams continue. */
const sliceMs = 2;

/** A text being tokenized: yields the number of tokens so far, returns all tokens. */
export type TextSteps = Generator<number, readonly number[]>;

export class TokenizerQueue {
  /** Resolves when the newest text is done, aborted or refused. */
  #last: Promise<undefined> = Promise.resolve(undefined);

  /**
   * Tokenizes texts in the order of the calls. Resolves with null once `signal` is aborted. `check` gets the number of
   * tokens at each pause; an error that it throws ends the text and rejects.
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
