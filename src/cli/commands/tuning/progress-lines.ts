/** @module One line that says how far something is: rewritten on a terminal, a new line now and then elsewhere. */

const betweenLinesMs = 5000;

export class ProgressLines {
  readonly #isTerminal = process.stderr.isTTY === true;
  #saidMs = Number.NEGATIVE_INFINITY;
  #isOpen = false;

  /** Something that changes many times a second. */
  step(line: string): void {
    if (this.#isTerminal) {
      process.stderr.write(`\r\x1b[K${line.slice(0, Math.max(1, (process.stderr.columns || 80) - 1))}`);
      this.#isOpen = true;
    } else if (performance.now() - this.#saidMs >= betweenLinesMs) {
      process.stderr.write(`${line}\n`);
      this.#saidMs = performance.now();
    }
  }

  /** Something that stays on the screen. */
  line(text: string): void {
    this.end();
    process.stderr.write(`${text}\n`);
  }

  end(): void {
    if (this.#isOpen) process.stderr.write("\r\x1b[K");
    this.#isOpen = false;
  }
}
