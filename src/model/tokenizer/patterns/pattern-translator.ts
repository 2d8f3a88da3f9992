/**
 * @module Translates a regular expression of Oniguruma (Ruby's syntax, as the `tokenizers` package uses it) into one
 * for JavaScript's `v` flag.
 *
 * What is written differently: sets of characters (pattern-classes.ts); `^` and `$`, which are the ends of lines, and
 * `.`, which is all but "\n"; options in the middle of a group; possessive quantifiers and atomic groups, which become
 * a lookahead that is taken as it was found. Captures are of no use to a tokenizer: every group only groups.
 */
import { escapedClasses, posixClass, propertyClass, wordCharacter } from "./pattern-classes.ts";
import { PatternSource } from "./pattern-source.ts";

/** What an expression may say that cannot be translated. */
export class UntranslatablePattern extends Error {}

/** Deeper nesting than any tokenizer's, and far from what the stack holds. */
const maxDepth = 100;
const lineBreaks = "(?:\\r\\n|[\\n-\\r\\x85\\u2028\\u2029])";
const boundary = `(?:(?<=${wordCharacter})(?!${wordCharacter})|(?<!${wordCharacter})(?=${wordCharacter}))`;
const noBoundary = `(?:(?<=${wordCharacter})(?=${wordCharacter})|(?<!${wordCharacter})(?!${wordCharacter}))`;

/** Escapes that stand for themselves or for a place; others are sets or characters. */
const escapedPlaces: ReadonlyMap<string, string> = new Map([
  ["A", "(?<![\\s\\S])"],
  ["z", "(?![\\s\\S])"],
  ["Z", "(?=\\n?(?![\\s\\S]))"],
  ["b", boundary],
  ["B", noBoundary],
  ["w", wordCharacter],
  ["W", `[^${wordCharacter}]`],
]);
const escapedControls: ReadonlyMap<string, string> = new Map([
  ["t", "\t"],
  ["n", "\n"],
  ["r", "\r"],
  ["f", "\f"],
  ["v", "\v"],
  ["a", "\x07"],
  ["e", "\x1b"],
]);

export function translatePattern(source: string): string {
  return new PatternTranslator(source).translate();
}

class PatternTranslator {
  readonly #source: PatternSource;
  #numAtomic = 0;
  #depth = 0;
  /** Whether `.` is any character (`(?m)` in Ruby). */
  #dotTakesLines = false;
  #isInLookbehind = false;

  constructor(source: string) {
    this.#source = new PatternSource(source);
  }

  translate(): string {
    const translated = this.#alternatives();
    if (!this.#source.isAtEnd) throw new UntranslatablePattern("a ) without a (");
    return translated;
  }

  /** Up to the group's end. */
  #alternatives(): string {
    if (++this.#depth > maxDepth)
      throw new UntranslatablePattern(`more than ${maxDepth} groups in each other`);
    let translated = "";
    while (!this.#source.isAtEnd && this.#source.next !== ")")
      translated += this.#source.takeText("|") ? "|" : this.#repeated(this.#atom());
    this.#depth--;
    return translated;
  }

  #atom(): string {
    const character = this.#source.take();
    switch (character) {
      case "\\":
        return this.#escape();
      case "[":
        return this.#characterClass();
      case "(":
        return this.#group();
      case ".":
        return this.#dotTakesLines ? "[\\s\\S]" : "[^\\n]";
      case "^":
        return "(?<![^\\n])";
      case "$":
        return "(?![^\\n])";
      case "*":
      case "+":
      case "?":
        throw new UntranslatablePattern(`a ${character} with nothing before it`);
      default:
        return literal(character);
    }
  }

  /** The quantifiers behind an atom; several are applied one after another. */
  #repeated(atom: string): string {
    let repeated = atom;
    for (let isFirst = true; ; isFirst = false) {
      const quantifier = this.#quantifier();
      if (quantifier === null) return repeated;
      const body = isFirst && !needsGroup(atom) ? repeated : `(?:${repeated})`;
      repeated = body + quantifier.text;
      if (quantifier.isPossessive) repeated = this.#atomic(repeated);
    }
  }

  #quantifier(): { readonly text: string; readonly isPossessive: boolean } | null {
    const sign = this.#source.takeMatch(/[*+?]/y);
    if (sign !== null) {
      const isPossessive = this.#source.takeText("+");
      return { text: sign[0] + (!isPossessive && this.#source.takeText("?") ? "?" : ""), isPossessive };
    }
    const interval = this.#source.takeMatch(/\{(?:(\d+)(,?)(\d*)|,(\d+))\}/y);
    if (interval === null) return null;
    const [, least = "0", comma = ",", most = "", mostOnly = ""] = interval;
    const text = `{${least}${comma}${most}${mostOnly}}`;
    // Ruby reads {n}? as a greedy {n} that may be missing, which the loop of #repeated does.
    return { text: text + (comma === "," && this.#source.takeText("?") ? "?" : ""), isPossessive: false };
  }

  #group(): string {
    const source = this.#source;
    if (!source.takeText("?")) return this.#enclosed("(?:");
    if (source.takeText("#")) {
      while (!source.isAtEnd && source.take() !== ")");
      return "";
    }
    for (const lookbehind of ["<=", "<!"])
      if (source.takeText(lookbehind)) {
        const outer = this.#isInLookbehind;
        this.#isInLookbehind = true;
        const group = this.#enclosed(`(?${lookbehind}`);
        this.#isInLookbehind = outer;
        return group;
      }
    for (const opening of [":", "=", "!"])
      if (source.takeText(opening)) return this.#enclosed(`(?${opening}`);
    if (source.takeText(">")) return this.#atomic(this.#enclosed("(?:"));
    if (source.takeMatch(/<\w+>/y) !== null) return this.#enclosed("(?:");
    return this.#options();
  }

  /** `(?i:…)`, or `(?i)`, which holds up to the end of the group around it. */
  #options(): string {
    const options = this.#source.takeMatch(/([im]*)(?:-([im]*))?([:)])/y);
    if (options === null) throw new UntranslatablePattern(`the group (?${this.#source.next}`);
    const [, on = "", off = "", ending] = options;
    const outer = this.#dotTakesLines;
    if (on.includes("m")) this.#dotTakesLines = true;
    if (off.includes("m")) this.#dotTakesLines = false;
    const ignoring = (on.includes("i") ? "i" : "") + (off.includes("i") && !on.includes("i") ? "-i" : "");
    const body = this.#alternatives();
    this.#dotTakesLines = outer;
    if (ending === ":") this.#close();
    return `(?${ignoring}:${body})`;
  }

  #enclosed(opening: string): string {
    const outer = this.#dotTakesLines;
    const body = this.#alternatives();
    this.#dotTakesLines = outer;
    this.#close();
    return `${opening}${body})`;
  }

  #close(): void {
    if (!this.#source.takeText(")")) throw new UntranslatablePattern("a ( without a )");
  }

  /** A lookahead keeps no places to go back to; what it found is then taken. */
  #atomic(body: string): string {
    if (this.#isInLookbehind) throw new UntranslatablePattern("an atomic group that is looked for backwards");
    const name = `a${++this.#numAtomic}`;
    return `(?:(?=(?<${name}>${body}))\\k<${name}>)`;
  }

  #escape(): string {
    const place = escapedPlaces.get(this.#source.next);
    if (place !== undefined) {
      this.#source.take();
      return place;
    }
    if (this.#source.takeText("R")) return this.#atomic(lineBreaks);
    return this.#escapedSet() ?? literal(this.#escapedCharacter());
  }

  /** `\s`, `\p{L}` and the like; null where the escape is one character. */
  #escapedSet(): string | null {
    const source = this.#source;
    const set = escapedClasses.get(source.next);
    if (set !== undefined) {
      source.take();
      return set;
    }
    const property = source.takeMatch(/([pP])\{(\^?[\w =-]+)\}/y);
    if (property === null) return null;
    const [, letter, name = ""] = property;
    const found = propertyClass(name, letter === "P");
    if (found === null) throw new UntranslatablePattern(`the property \\p{${name}}`);
    return found;
  }

  #escapedCharacter(): string {
    const code = this.#source.takeMatch(/x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})/y);
    if (code !== null) return codePoint(Number.parseInt(code[1] ?? code[2] ?? code[3] ?? "", 16));
    const octal = this.#source.takeMatch(/0[0-7]{0,2}/y);
    if (octal !== null) return codePoint(Number.parseInt(octal[0], 8));
    const character = this.#source.take();
    const control = escapedControls.get(character);
    if (control !== undefined) return control;
    if (character === "" || /[0-9A-Za-z]/.test(character))
      throw new UntranslatablePattern(`the escape \\${character}`);
    return character;
  }

  /** After `[`. Parts between `&&` are unions, which `v` wants in brackets of their own. */
  #characterClass(): string {
    if (++this.#depth > maxDepth)
      throw new UntranslatablePattern(`more than ${maxDepth} classes in each other`);
    const source = this.#source;
    const opening = source.takeText("^") ? "[^" : "[";
    const unions: string[] = [];
    let union = source.takeText("]") ? "\\]" : "";
    while (!source.takeText("]")) {
      if (source.isAtEnd) throw new UntranslatablePattern("a [ without a ]");
      if (source.takeText("&&")) {
        unions.push(union);
        union = "";
      } else union += this.#classPart();
    }
    this.#depth--;
    if (unions.length === 0) return `${opening}${union}]`;
    return `${opening}${[...unions, union].map((part) => `[${part}]`).join("&&")}]`;
  }

  /** A set, a character, or a range of characters. */
  #classPart(): string {
    const source = this.#source;
    const posix = source.takeMatch(/\[:(\^?[a-z]+):\]/y);
    if (posix !== null) {
      const found = posixClass(posix[1] ?? "");
      if (found === null) throw new UntranslatablePattern(`the class ${posix[0]}`);
      return found;
    }
    if (source.takeText("[")) return this.#characterClass();
    const first = this.#classAtom();
    const isRange = first.isCharacter && source.startsWith("-") && !source.startsWith("-]");
    if (!isRange || source.startsWith("-&&") || source.startsWith("-[")) return first.text;
    source.take();
    const last = this.#classAtom();
    if (!last.isCharacter) throw new UntranslatablePattern("a range that ends in a set");
    return `${first.text}-${last.text}`;
  }

  #classAtom(): { readonly text: string; readonly isCharacter: boolean } {
    if (!this.#source.takeText("\\")) return { text: literal(this.#source.take()), isCharacter: true };
    if (this.#source.takeText("b")) return { text: literal("\b"), isCharacter: true };
    const set = this.#escapedSet();
    return set === null
      ? { text: literal(this.#escapedCharacter()), isCharacter: true }
      : { text: set, isCharacter: false };
  }
}

function codePoint(code: number): string {
  if (code > 0x10ffff) throw new UntranslatablePattern(`the character ${code.toString(16)}`);
  return String.fromCodePoint(code);
}

/** A lookaround cannot be repeated as it is. */
function needsGroup(atom: string): boolean {
  return /^\(\?(?:[=!]|<[=!])/.test(atom);
}

/** One character, whatever it means in a pattern or in a class. */
function literal(character: string): string {
  return /[\w\s]|[^\0-\x7f]/.test(character)
    ? character
    : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
