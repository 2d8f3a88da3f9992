/**
 * @module A command as a shell reads it: words, quotes, line continuations, several commands in one text; and back.
 *
 * Commands come out of chats, documents and terminals, so more than POSIX is read: PowerShell's backtick and cmd's caret
 * at a line's end, and the quotes and dashes that word processors put in the place of the typed ones.
 */
import { PagodaError } from "../../core/errors.ts";

/** Words of one simple command; redirections are left out. */
export type CommandWords = readonly string[];

/** What word processors write → what was typed. */
const typographic: readonly (readonly [RegExp, string])[] = [
  [/[\u201c\u201d\u201e]/g, '"'],
  [/[\u2018\u2019]/g, "'"],
  [/[\u00a0\u2007\u202f]/g, " "],
  [/(^|\s)[\u2014](?=[A-Za-z])/g, "$1--"],
  [/(^|\s)[\u2013](?=[A-Za-z]{2})/g, "$1--"],
];

/**
 * A backslash, backtick or caret before a line's end joins the lines, and stands at the end of a text that was cut there.
 * People write comments behind it, which no shell allows; one with a quote may be the end of a quoted word instead.
 */
const continuation = /[ \t]*[\\`^](?:[ \t]*(?:\r?\n|$)|[ \t]+#[^\n'"]*(?:\n|$))[ \t]*/g;
/** A flag at the beginning of a line belongs to the line before: people drop the backslash. */
const flagOnNextLine = /\r?\n\s*(?=-)/g;

function asTyped(text: string): string {
  const plain = typographic.reduce((result, [pattern, typed]) => result.replace(pattern, typed), text);
  return plain.replace(continuation, " ").replace(flagOnNextLine, " ");
}

/**
 * Splits a text into its commands, each as words. Single quotes keep everything, double quotes know the backslash; `;`,
 * `&`, `|` and a line's end separate commands.
 * @throws PagodaError `plan_invalid` for a quote that is never closed.
 */
export function shellCommands(text: string): CommandWords[] {
  return new Splitter(asTyped(text)).commands();
}

class Splitter {
  readonly #text: string;
  readonly #commands: string[][] = [];
  #words: string[] = [];
  #word: string | null = null;
  #at = 0;
  /** The word to come is the file of a redirection. */
  #isRedirected = false;

  constructor(text: string) {
    this.#text = text;
  }

  commands(): CommandWords[] {
    while (this.#at < this.#text.length) this.#letter(this.#text[this.#at++] ?? "");
    this.#endCommand();
    return this.#commands;
  }

  #letter(letter: string): void {
    if (letter === "'" || letter === '"') this.#quoted(letter);
    else if (letter === "\\") this.#add(this.#text[this.#at++] ?? "");
    else if (letter === "\n" || letter === ";" || letter === "&" || letter === "|") this.#endCommand();
    else if (/\s/.test(letter)) this.#endWord();
    else if (letter === ">" || letter === "<") this.#redirect();
    else if (letter === "#" && this.#word === null) this.#comment();
    else this.#add(letter);
  }

  #add(letters: string): void {
    this.#word = (this.#word ?? "") + letters;
  }

  #quoted(quote: string): void {
    let text = "";
    for (let letter = this.#next(quote); letter !== quote; letter = this.#next(quote))
      text += letter === "\\" && quote === '"' ? this.#escaped(quote) : letter;
    this.#add(text);
  }

  /** In double quotes a backslash escapes a few letters and stands for itself before all others. */
  #escaped(quote: string): string {
    const letter = this.#next(quote);
    return '"\\$`'.includes(letter) ? letter : `\\${letter}`;
  }

  #next(quote: string): string {
    const letter = this.#text[this.#at++];
    if (letter !== undefined) return letter;
    throw new PagodaError("plan_invalid", `The command has a ${quote} that is never closed.`, {
      param: "command",
      hint: "Close it, or quote the whole command once and its parts with the other kind of quote.",
    });
  }

  /** `2>&1`, `> file`, `>>file`, `<file`: a number before it is the descriptor, a word after it the file. */
  #redirect(): void {
    if (this.#word !== null && /^\d+$/.test(this.#word)) this.#word = null;
    this.#endWord();
    while (/[<>&]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    this.#isRedirected = true;
  }

  #comment(): void {
    const end = this.#text.indexOf("\n", this.#at);
    this.#at = end === -1 ? this.#text.length : end;
  }

  #endWord(): void {
    if (this.#word === null) return;
    if (this.#isRedirected) this.#isRedirected = false;
    else this.#words.push(this.#word);
    this.#word = null;
  }

  #endCommand(): void {
    this.#endWord();
    this.#isRedirected = false;
    if (this.#words.length > 0) this.#commands.push(this.#words);
    this.#words = [];
  }
}

/** A word as a POSIX shell must be given it. */
function quoteWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command to copy: a shell splits it into exactly these words. */
export function commandText(words: readonly string[]): string {
  return words.map(quoteWord).join(" ");
}
