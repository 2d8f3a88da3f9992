/** @module Calls in Python's notation, such as f(city="Paris", days=[1, 2]): literals to JSON. */

export interface PythonCall {
  readonly name: string;
  /** JSON text of the arguments. */
  readonly json: string;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", "0": "\0" };
const words: Readonly<Record<string, string>> = {
  True: "true",
  False: "false",
  None: "null",
  true: "true",
  false: "false",
  null: "null",
};
const deepest = 64;

/** Reads one call that is written completely in `text`; null where it is none. */
export function readPythonCall(text: string): PythonCall | null {
  const header = /^\s*([A-Za-z_][\w.-]*)\s*\(/.exec(text);
  if (header === null) return null;
  try {
    const reader = new Reader(text, header[0].length);
    const json = reader.members("=", ")", (key) => JSON.stringify(key));
    return reader.isAtEnd ? { name: header[1] as string, json } : null;
  } catch (thrown) {
    if (thrown instanceof NoLiteral) return null;
    throw thrown;
  }
}

class NoLiteral extends Error {}

class Reader {
  readonly #text: string;
  #at: number;
  #depth = 0;

  constructor(text: string, start: number) {
    this.#text = text;
    this.#at = start;
  }

  get isAtEnd(): boolean {
    this.#skipBlanks();
    return this.#at === this.#text.length;
  }

  /** `key = value, …` up to `close`, which is read as well; `keyJson` turns a bare key into JSON. */
  members(separator: string, close: string, keyJson: (key: string) => string): string {
    const parts: string[] = [];
    while (!this.#takes(close)) {
      if (parts.length > 0 && !this.#takes(",")) throw new NoLiteral();
      if (this.#takes(close)) break;
      const key = separator === "=" ? keyJson(this.#word()) : this.value();
      if (!this.#takes(separator)) throw new NoLiteral();
      parts.push(`${key.startsWith('"') ? key : JSON.stringify(key)}: ${this.value()}`);
    }
    return `{${parts.join(", ")}}`;
  }

  value(): string {
    if (++this.#depth > deepest) throw new NoLiteral();
    const json = this.#value();
    this.#depth--;
    return json;
  }

  #value(): string {
    this.#skipBlanks();
    const char = this.#text[this.#at];
    if (char === '"' || char === "'") return JSON.stringify(this.#string(char));
    if (this.#takes("[")) return this.#list("]");
    if (this.#takes("(")) return this.#list(")");
    if (this.#takes("{")) return this.members(":", "}", (key) => key);
    const number = /^[+-]?(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?/.exec(
      this.#text.slice(this.#at, this.#at + 64),
    );
    if (number !== null) {
      this.#at += number[0].length;
      const value = Number(number[0].replaceAll("_", ""));
      if (!Number.isFinite(value)) throw new NoLiteral();
      return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(number[0]) ? number[0] : String(value);
    }
    const word = words[this.#word()];
    if (word === undefined) throw new NoLiteral();
    return word;
  }

  #list(close: string): string {
    const parts: string[] = [];
    while (!this.#takes(close)) {
      if (parts.length > 0 && !this.#takes(",")) throw new NoLiteral();
      if (this.#takes(close)) break;
      parts.push(this.value());
    }
    return `[${parts.join(", ")}]`;
  }

  #string(quote: string): string {
    let value = "";
    for (this.#at++; this.#text[this.#at] !== quote; this.#at++) {
      const char = this.#text[this.#at];
      if (char === undefined) throw new NoLiteral();
      if (char !== "\\") {
        value += char;
        continue;
      }
      this.#at++;
      value += this.#escaped();
    }
    this.#at++;
    return value;
  }

  /** Stands on the character after the backslash, and then on the last one of the escape. */
  #escaped(): string {
    const char = this.#text[this.#at];
    if (char === undefined) throw new NoLiteral();
    const numDigits = char === "x" ? 2 : char === "u" ? 4 : char === "U" ? 8 : 0;
    if (numDigits === 0)
      return char === "\n" ? "" : (escapes[char] ?? ("\"'\\".includes(char) ? char : `\\${char}`));
    const digits = this.#text.slice(this.#at + 1, this.#at + 1 + numDigits);
    const code = Number.parseInt(digits, 16);
    if (!/^[\da-fA-F]+$/.test(digits) || digits.length < numDigits || code > 0x10ffff) throw new NoLiteral();
    this.#at += numDigits;
    return String.fromCodePoint(code);
  }

  #word(): string {
    this.#skipBlanks();
    const word = /^[A-Za-z_]\w*/.exec(this.#text.slice(this.#at, this.#at + 256));
    if (word === null) throw new NoLiteral();
    this.#at += word[0].length;
    return word[0];
  }

  #takes(char: string): boolean {
    this.#skipBlanks();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #skipBlanks(): void {
    while (" \n\t\r".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }
}

/** Finds the end of a bracketed text, one character after another: brackets in strings do not count. */
export class BracketEnd {
  #depth = 0;
  #quote = "";
  #isEscaped = false;

  /** Whether `char` closes the first bracket. */
  push(char: string): boolean {
    if (this.#quote !== "") {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (char === "\\") this.#isEscaped = true;
      else if (char === this.#quote) this.#quote = "";
      return false;
    }
    if (char === '"' || char === "'") this.#quote = char;
    else if ("([{".includes(char)) this.#depth++;
    else if (")]}".includes(char)) return --this.#depth === 0;
    return false;
  }
}
