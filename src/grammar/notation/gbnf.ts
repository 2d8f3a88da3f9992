/** @module Grammars in the notations of llama.cpp (GBNF) and XGrammar (EBNF): rules `name ::= …`, with `root` first. */

import type { CodePointRange } from "../expression/expression.ts";
import {
  characters,
  choice,
  type Expression,
  type Grammar,
  nothing,
  repeat,
  rule,
  sequence,
  text,
} from "../expression/expression.ts";
import { GrammarFault } from "../expression/fault.ts";
import { anyCodePoint, gaps } from "../regular/dfa.ts";

const deepest = 200;
const mostRepetitions = 10_000;
const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "0": "\0" };

/** Throws GrammarFault with the line of the mistake. */
export function gbnfGrammar(source: string): Grammar {
  const rules = new GbnfParser(source).parse();
  if (!rules.has("root"))
    throw new GrammarFault("The grammar has no rule 'root'.", "Name the rule for the whole text 'root'.");
  return { rules, root: "root" };
}

class GbnfParser {
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#chars = [...source];
  }

  parse(): ReadonlyMap<string, Expression> {
    const rules = new Map<string, Expression>();
    this.#skip(true);
    while (this.#peek() !== undefined) {
      const name = this.#name();
      this.#skip(false);
      if (!this.#takes("::=")) throw this.#fault(`'::=' is missing after '${name}'`);
      this.#skip(true);
      const body = this.#alternatives(false);
      const before = rules.get(name);
      rules.set(name, before === undefined ? body : choice(before, body));
      if (this.#peek() === ")") throw this.#fault("')' has no '('");
      this.#skip(true);
    }
    return rules;
  }

  #peek(offset = 0): string | undefined {
    return this.#chars[this.#at + offset];
  }

  #takes(wanted: string): boolean {
    for (let i = 0; i < wanted.length; i++) if (this.#peek(i) !== wanted[i]) return false;
    this.#at += wanted.length;
    return true;
  }

  #fault(what: string): GrammarFault {
    const line = this.#chars.slice(0, this.#at).filter((char) => char === "\n").length + 1;
    return new GrammarFault(
      `Line ${line} of the grammar is wrong: ${what}.`,
      'Write rules like: root ::= "yes" | "no".',
    );
  }

  /** Blanks and comments; line ends only where a rule may go on behind them. */
  #skip(overLines: boolean): void {
    for (;;) {
      const char = this.#peek();
      if (char === "#") while (this.#peek() !== undefined && this.#peek() !== "\n") this.#at++;
      else if (char === " " || char === "\t" || (overLines && (char === "\n" || char === "\r"))) this.#at++;
      else return;
    }
  }

  #name(): string {
    let name = "";
    while (/^[A-Za-z0-9_-]$/.test(this.#peek() ?? "")) name += this.#chars[this.#at++];
    if (name === "") throw this.#fault(`the name of a rule is missing before '${this.#peek() ?? "the end"}'`);
    return name;
  }

  #alternatives(inGroup: boolean): Expression {
    if (++this.#depth > deepest) throw this.#fault(`groups are nested more than ${deepest} deep`);
    const options = [this.#sequence(inGroup)];
    for (;;) {
      this.#skipToBar(inGroup);
      if (!this.#takes("|")) break;
      this.#skip(true);
      options.push(this.#sequence(inGroup));
    }
    this.#depth--;
    return choice(...options);
  }

  /** An alternative may stand on the next line. */
  #skipToBar(inGroup: boolean): void {
    const at = this.#at;
    this.#skip(true);
    if (this.#peek() !== "|" && !inGroup) this.#at = at;
  }

  #sequence(inGroup: boolean): Expression {
    const parts: Expression[] = [];
    for (;;) {
      this.#skip(inGroup);
      const item = this.#item();
      if (item === null) break;
      parts.push(this.#repeated(item));
    }
    return parts.length === 0 ? nothing : sequence(...parts);
  }

  #item(): Expression | null {
    const char = this.#peek();
    if (char === '"') return this.#literal();
    if (char === "[") return this.#class();
    if (this.#takes(".")) return characters(anyCodePoint);
    if (this.#takes("(")) {
      this.#skip(true);
      const inner = this.#alternatives(true);
      this.#skip(true);
      if (!this.#takes(")")) throw this.#fault("')' is missing");
      return inner;
    }
    if (!/^[A-Za-z0-9_-]$/.test(char ?? "")) {
      if (char === undefined || "|)\n\r".includes(char)) return null;
      throw this.#fault(`'${char}' is not expected here`);
    }
    return rule(this.#name());
  }

  #repeated(body: Expression): Expression {
    let repeated = body;
    for (;;) {
      // llama.cpp allows blanks before the sign of a repetition.
      this.#skip(false);
      if (this.#takes("*")) repeated = repeat(repeated, 0, null);
      else if (this.#takes("+")) repeated = repeat(repeated, 1, null);
      else if (this.#takes("?")) repeated = repeat(repeated, 0, 1);
      else if (this.#peek() === "{") repeated = this.#counted(repeated);
      else return repeated;
    }
  }

  #counted(body: Expression): Expression {
    const braces = /^\{\s*(\d+)\s*(,?)\s*(\d*)\s*\}/.exec(
      this.#chars.slice(this.#at, this.#at + 40).join(""),
    );
    if (braces === null) throw this.#fault("a repetition is not of the form {m}, {m,} or {m,n}");
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    const max = braces[2] === "" ? min : braces[3] === "" ? null : Number(braces[3]);
    if (min > mostRepetitions || (max ?? 0) > mostRepetitions)
      throw this.#fault(`a repetition is of more than ${mostRepetitions} times`);
    if (max !== null && max < min) throw this.#fault("the numbers of a repetition are out of order");
    return repeat(body, min, max);
  }

  #literal(): Expression {
    this.#at++;
    let value = "";
    while (this.#peek() !== '"') {
      if (this.#peek() === undefined) throw this.#fault("a text is not closed");
      value += this.#char();
    }
    this.#at++;
    return value === "" ? nothing : text(value);
  }

  #class(): Expression {
    this.#at++;
    const isNegated = this.#takes("^");
    const ranges: CodePointRange[] = [];
    while (this.#peek() !== "]") {
      if (this.#peek() === undefined) throw this.#fault("a class is not closed");
      const first = this.#char().codePointAt(0) as number;
      const isRange = this.#peek() === "-" && this.#peek(1) !== "]";
      if (isRange) this.#at++;
      const last = isRange ? (this.#char().codePointAt(0) as number) : first;
      if (last < first) throw this.#fault("a range is out of order");
      ranges.push([first, last]);
    }
    this.#at++;
    return characters(...(isNegated ? gaps(ranges) : ranges));
  }

  #char(): string {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw this.#fault("it ends too early");
    if (char !== "\\") return char;
    const kind = this.#chars[this.#at++];
    if (kind === undefined) throw this.#fault("it ends with a backslash");
    const numDigits = kind === "x" ? 2 : kind === "u" ? 4 : kind === "U" ? 8 : 0;
    if (numDigits === 0) return escapes[kind] ?? kind;
    const digits = this.#chars.slice(this.#at, this.#at + numDigits).join("");
    const code = Number.parseInt(digits, 16);
    if (!/^[\da-fA-F]+$/.test(digits) || digits.length < numDigits || code > anyCodePoint[1])
      throw this.#fault(`'\\${kind}' needs ${numDigits} hexadecimal digits of a character`);
    this.#at += numDigits;
    return String.fromCodePoint(code);
  }
}
