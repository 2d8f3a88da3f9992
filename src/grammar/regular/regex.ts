/** @module Regular expressions of ECMAScript (and what other engines have in common with it), as expressions. */

import type { CodePointRange } from "../expression/expression.ts";
import { characters, choice, type Expression, nothing, repeat, sequence } from "../expression/expression.ts";
import { GrammarFault } from "../expression/fault.ts";
import { anyCodePoint, gaps } from "./dfa.ts";

const digits: readonly CodePointRange[] = [[0x30, 0x39]];
const wordCharacters: readonly CodePointRange[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const blanks: readonly CodePointRange[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const lineEnds: readonly CodePointRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const controlEscapes: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, "0": 0 };
const classes: Readonly<Record<string, readonly CodePointRange[]>> = {
  d: digits,
  D: gaps(digits),
  w: wordCharacters,
  W: gaps(wordCharacters),
  s: blanks,
  S: gaps(blanks),
};
const deepest = 200;
const mostRepetitions = 10_000;

/** `whole`: the text as a whole matches; otherwise a part of it does, unless anchors say more. */
export function regexExpression(pattern: string, { whole }: { readonly whole: boolean }): Expression {
  return new RegexParser(pattern, whole).parse();
}

class RegexParser {
  readonly #pattern: string;
  readonly #chars: readonly string[];
  readonly #whole: boolean;
  #at = 0;
  #depth = 0;

  constructor(pattern: string, whole: boolean) {
    this.#pattern = pattern;
    this.#chars = [...pattern];
    this.#whole = whole;
  }

  parse(): Expression {
    const parsed = this.#alternatives(true);
    if (this.#at < this.#chars.length) throw this.#fault(`has an unexpected '${this.#peek()}'`);
    return parsed;
  }

  #peek(offset = 0): string | undefined {
    return this.#chars[this.#at + offset];
  }

  #takes(text: string): boolean {
    if (
      !this.#chars
        .slice(this.#at, this.#at + text.length)
        .join("")
        .startsWith(text)
    )
      return false;
    this.#at += text.length;
    return true;
  }

  #fault(what: string): GrammarFault {
    const shown = this.#pattern.length > 60 ? `${this.#pattern.slice(0, 60)}…` : this.#pattern;
    return new GrammarFault(
      `The regular expression '${shown}' ${what} at character ${this.#at}.`,
      "Use characters, classes, groups, alternatives, repetitions, and anchors at the ends.",
    );
  }

  #alternatives(isTop: boolean): Expression {
    if (++this.#depth > deepest) throw this.#fault(`is nested more than ${deepest} deep`);
    const options = [this.#alternative(isTop)];
    while (this.#takes("|")) options.push(this.#alternative(isTop));
    this.#depth--;
    return choice(...options);
  }

  #alternative(isTop: boolean): Expression {
    const parts: Expression[] = [];
    let isOpenAtStart = isTop && !this.#whole;
    let isOpenAtEnd = isOpenAtStart;
    while (this.#peek() !== undefined && this.#peek() !== "|" && this.#peek() !== ")") {
      if (this.#takes("^")) {
        if (!isTop || parts.length > 0) throw this.#fault("has an anchor inside");
        isOpenAtStart = false;
      } else if (this.#takes("$")) {
        const next = this.#peek();
        if (!isTop || (next !== undefined && next !== "|")) throw this.#fault("has an anchor inside");
        isOpenAtEnd = false;
      } else parts.push(this.#quantified(this.#atom()));
    }
    const anything = repeat(characters(anyCodePoint), 0, null);
    return sequence(...(isOpenAtStart ? [anything] : []), ...parts, ...(isOpenAtEnd ? [anything] : []));
  }

  #quantified(body: Expression): Expression {
    const bounds = this.#quantifier();
    if (bounds === null) return body;
    // Lazy or not, the texts are the same; possessive ones are not.
    if (this.#takes("+")) throw this.#fault("has a possessive quantifier");
    this.#takes("?");
    const [min, max] = bounds;
    if (min > mostRepetitions || (max ?? 0) > mostRepetitions)
      throw this.#fault(`repeats more than ${mostRepetitions} times`);
    if (max !== null && max < min) throw this.#fault("has a quantifier whose numbers are out of order");
    return repeat(body, min, max);
  }

  #quantifier(): readonly [number, number | null] | null {
    if (this.#takes("*")) return [0, null];
    if (this.#takes("+")) return [1, null];
    if (this.#takes("?")) return [0, 1];
    const braces = /^\{(\d+)(,?)(\d*)\}/.exec(this.#chars.slice(this.#at, this.#at + 16).join(""));
    if (braces === null) return null;
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    return [min, braces[2] === "" ? min : braces[3] === "" ? null : Number(braces[3])];
  }

  #atom(): Expression {
    if (this.#takes("(")) return this.#group();
    if (this.#takes("[")) return characters(...this.#class());
    if (this.#takes(".")) return characters(...gaps(lineEnds));
    const char = this.#peek() as string;
    if (char === "\\") {
      this.#at++;
      return characters(...this.#escape(false));
    }
    if ("*+?".includes(char)) throw this.#fault(`has a '${char}' with nothing to repeat`);
    this.#at++;
    const code = char.codePointAt(0) as number;
    return characters([code, code]);
  }

  #group(): Expression {
    if (this.#takes("?")) {
      const named = /^P?<[A-Za-z_]\w*>/.exec(this.#chars.slice(this.#at, this.#at + 80).join(""));
      if (named !== null) this.#at += named[0].length;
      else if (!this.#takes(":")) throw this.#fault("has a lookaround or a flag");
    }
    const body = this.#alternatives(false);
    if (!this.#takes(")")) throw this.#fault("has a group that is not closed");
    return body;
  }

  /** Behind the backslash. */
  #escape(inClass: boolean): readonly CodePointRange[] {
    const char = this.#peek();
    if (char === undefined) throw this.#fault("ends with a backslash");
    this.#at++;
    const known = classes[char];
    if (known !== undefined) return known;
    const control = controlEscapes[char];
    if (control !== undefined && !(char === "0" && /\d/.test(this.#peek() ?? "")))
      return [[control, control]];
    if (char === "b" && inClass) return [[8, 8]];
    if (char === "p" || char === "P") return this.#property(char === "P");
    if (char === "x" || char === "u") return this.#hexadecimal(char);
    if (char === "c" && /[A-Za-z]/.test(this.#peek() ?? "")) {
      const code = ((this.#chars[this.#at++] as string).codePointAt(0) as number) % 32;
      return [[code, code]];
    }
    if (/[A-Za-z0-9]/.test(char)) throw this.#fault(`has the escape '\\${char}', which is not supported,`);
    const code = char.codePointAt(0) as number;
    return [[code, code]];
  }

  #hexadecimal(kind: string): readonly CodePointRange[] {
    const rest = this.#chars.slice(this.#at, this.#at + 12).join("");
    const forms = kind === "x" ? [/^([\da-fA-F]{2})/] : [/^\{([\da-fA-F]{1,6})\}/, /^([\da-fA-F]{4})/];
    for (const form of forms) {
      const found = form.exec(rest);
      if (found === null) continue;
      this.#at += found[0].length;
      let code = Number.parseInt(found[1] as string, 16);
      const low =
        code >= 0xd800 && code < 0xdc00 ? /^\\u([dD][c-fC-F][\da-fA-F]{2})/.exec(rest.slice(4)) : null;
      if (low !== null) {
        this.#at += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (Number.parseInt(low[1] as string, 16) - 0xdc00);
      }
      if (code > 0x10ffff) throw this.#fault("names a character beyond U+10FFFF");
      return [[code, code]];
    }
    throw this.#fault(`has an incomplete escape '\\${kind}'`);
  }

  #property(isNegated: boolean): readonly CodePointRange[] {
    const name = /^\{([\w=]+)\}/.exec(this.#chars.slice(this.#at, this.#at + 64).join(""));
    const ranges = name === null ? null : propertyRanges(name[1] as string);
    if (name === null || ranges === null) throw this.#fault("has an unknown Unicode property");
    this.#at += name[0].length;
    return isNegated ? gaps(ranges) : ranges;
  }

  #class(): readonly CodePointRange[] {
    const isNegated = this.#takes("^");
    const ranges: CodePointRange[] = [];
    while (!this.#takes("]")) {
      if (this.#peek() === undefined) throw this.#fault("has a class that is not closed");
      const first = this.#classPart();
      const isRange = this.#peek() === "-" && this.#peek(1) !== "]" && this.#peek(1) !== undefined;
      if (!isRange) {
        ranges.push(...first);
        continue;
      }
      this.#at++;
      const last = this.#classPart();
      const [from, to] = [single(first), single(last)];
      if (from === null || to === null) {
        ranges.push(...first, [0x2d, 0x2d], ...last);
        continue;
      }
      if (from > to) throw this.#fault("has a range that is out of order");
      ranges.push([from, to]);
    }
    return isNegated ? gaps(ranges) : ranges;
  }

  #classPart(): readonly CodePointRange[] {
    if (this.#takes("\\")) return this.#escape(true);
    const code = (this.#chars[this.#at++] as string).codePointAt(0) as number;
    return [[code, code]];
  }
}

function single(ranges: readonly CodePointRange[]): number | null {
  const [only] = ranges;
  return ranges.length === 1 && only !== undefined && only[0] === only[1] ? only[0] : null;
}

const knownProperties = new Map<string, readonly CodePointRange[] | null>();

/** By asking the language's own engine about every code point, once for a property; null if it does not know it. */
function propertyRanges(name: string): readonly CodePointRange[] | null {
  const known = knownProperties.get(name);
  if (known !== undefined) return known;
  const ranges = findProperty(name);
  if (knownProperties.size < 64) knownProperties.set(name, ranges);
  return ranges;
}

function findProperty(name: string): readonly CodePointRange[] | null {
  let test: RegExp;
  try {
    test = new RegExp(`^\\p{${name}}$`, "u");
  } catch {
    return null;
  }
  const ranges: [number, number][] = [];
  for (let code = 0; code <= anyCodePoint[1]; code++) {
    if (code === 0xd800) code = 0xe000;
    if (!test.test(String.fromCodePoint(code))) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === code - 1) last[1] = code;
    else ranges.push([code, code]);
  }
  return ranges;
}

/** `texts` as a choice. */
export function oneOfTexts(texts: readonly string[]): Expression {
  return choice(...texts.map((one): Expression => (one === "" ? nothing : { kind: "text", text: one })));
}
