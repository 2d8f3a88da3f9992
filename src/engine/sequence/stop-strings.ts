/** @module Finding stop strings in text that arrives in pieces. */

/**
 * Text that may be the beginning of a stop string is held back until that is decided. Text that was returned never
 * overlaps a match, so only the held text and the new piece are searched.
 */
export class StopStrings {
  readonly #stops: readonly string[];
  readonly #includeStop: boolean;
  #held = "";

  constructor(stops: readonly string[], includeStop: boolean) {
    this.#stops = stops;
    this.#includeStop = includeStop;
  }

  /** Text that is safe to show, and the stop string if one was found; nothing follows it. */
  push(piece: string): { readonly text: string; readonly matched: string | null } {
    const pending = this.#held + piece;
    const match = this.#earliestMatch(pending);
    if (match !== null) {
      this.#held = "";
      const end = match.at + (this.#includeStop ? match.stop.length : 0);
      return { text: pending.slice(0, end), matched: match.stop };
    }
    const numHeld = this.#numUndecided(pending);
    this.#held = pending.slice(pending.length - numHeld);
    return { text: pending.slice(0, pending.length - numHeld), matched: null };
  }

  /** The held text: the beginning of a stop string that was not completed. */
  finish(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }

  /** The match that ends first; of two that end together, the one that begins first. */
  #earliestMatch(text: string): { readonly at: number; readonly stop: string } | null {
    let best: { at: number; stop: string } | null = null;
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      if (at < 0) continue;
      const isEarlier =
        best === null ||
        at + stop.length < best.at + best.stop.length ||
        (at + stop.length === best.at + best.stop.length && at < best.at);
      if (isEarlier) best = { at, stop };
    }
    return best;
  }

  /** Length of the longest end of `text` that is a proper beginning of a stop string. */
  #numUndecided(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let n = Math.min(stop.length - 1, text.length); n > longest; n--) {
        if (text.endsWith(stop.slice(0, n))) longest = n;
      }
    }
    return longest;
  }
}
