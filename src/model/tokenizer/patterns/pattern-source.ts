/** @module The text of a regular expression, read from left to right. */

export class PatternSource {
  readonly #characters: readonly string[];
  #at = 0;

  constructor(source: string) {
    this.#characters = [...source];
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#characters.length;
  }

  /** The next character, "" at the end; it stays. */
  get next(): string {
    return this.#characters[this.#at] ?? "";
  }

  take(): string {
    const { next } = this;
    this.#at++;
    return next;
  }

  /** Takes `text` if it is next. */
  takeText(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.#at += [...text].length;
    return true;
  }

  startsWith(text: string): boolean {
    return [...text].every((character, index) => this.#characters[this.#at + index] === character);
  }

  /** Takes what `pattern`, which is sticky, matches here. */
  takeMatch(pattern: RegExp): RegExpExecArray | null {
    // Nothing that is looked for this way is longer than a property's name.
    const ahead = this.#characters.slice(this.#at, this.#at + 64).join("");
    pattern.lastIndex = 0;
    const match = pattern.exec(ahead);
    if (match !== null) this.#at += [...match[0]].length;
    return match;
  }
}
