/** @module Source to tokens: the delimiters, white-space control, raw blocks and comments of Jinja. */
import { TemplateSyntaxError } from "../values/errors.ts";
import { integerFrom } from "../values/integers.ts";
import { PyFloat, type PyValue } from "../values/values.ts";
import { pythonSpace, trimmedEnd } from "../values/white-space.ts";
import { stringLiteralValue } from "./string-literal.ts";

export type TokenType =
  | "data"
  | "block_begin"
  | "block_end"
  | "variable_begin"
  | "variable_end"
  | "name"
  | "string"
  | "integer"
  | "float"
  | "operator"
  | "eof";

export interface Token {
  readonly type: TokenType;
  /** A name, an operator, text of the template or of a literal. */
  readonly text: string;
  /** The value of a number. */
  readonly value: PyValue;
  readonly line: number;
}

const space = `[${pythonSpace}]`;
/** To the next delimiter: [text before it, delimiter with its sign, sign]. `raw` takes its whole tag. */
const rootPattern = new RegExp(
  `(\\{%([-+]?)${space}*raw${space}*(?:-%\\}${space}*|%\\}))|(\\{%([-+]?))|(\\{#([-+]?))|(\\{\\{([-+]?))`,
  "g",
);
const commentEnd = new RegExp(`\\+#\\}|-#\\}${space}*|#\\}\\n?`, "g");
const rawEnd = new RegExp(`\\{%([-+]?)${space}*endraw${space}*(?:\\+%\\}|-%\\}${space}*|%\\}\\n?)`, "g");
const blockEnd = new RegExp(`\\+%\\}|-%\\}${space}*|%\\}\\n?`, "y");
const variableEnd = new RegExp(`-\\}\\}${space}*|\\}\\}`, "y");
const spaces = new RegExp(`${space}+`, "y");
const float = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const integer = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const name = /[\p{L}\p{M}\p{N}\p{Pc}\p{XID_Continue}]+/uy;
const identifier = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;
const string = /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y;

const closerOf: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** Throws TemplateSyntaxError where the source is not Jinja. */
export function tokenize(source: string): readonly Token[] {
  return new Lexer(withoutLastLineEnd(source.replaceAll(/\r\n?/g, "\n"))).tokens();
}

/** One line end at the end of a template is not part of it (`keep_trailing_newline` is off). */
function withoutLastLineEnd(source: string): string {
  return source.endsWith("\n") ? source.slice(0, -1) : source;
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  /** Where the current line ends. */
  #lineEnd: number;
  /** The last thing read ended a line, or nothing has been read. */
  #startsLine = true;

  constructor(source: string) {
    this.#source = source;
    this.#lineEnd = positionOf("\n", source, 0);
  }

  tokens(): readonly Token[] {
    while (this.#at < this.#source.length) this.#readRoot();
    this.#push("eof", "");
    return this.#tokens;
  }

  #readRoot(): void {
    rootPattern.lastIndex = this.#at;
    const match = rootPattern.exec(this.#source);
    if (match === null) {
      this.#pushData(this.#source.slice(this.#at));
      this.#advance(this.#source.length);
      return;
    }
    const text = this.#source.slice(this.#at, match.index);
    const [whole, raw, rawSign, block, blockSign, comment, commentSign, , variableSign] = match;
    const isVariable = raw === undefined && block === undefined && comment === undefined;
    const sign = rawSign ?? blockSign ?? commentSign ?? variableSign ?? "";
    this.#pushData(this.#strippedBefore(text, sign, !isVariable));
    this.#advance(match.index);
    this.#advance(match.index + whole.length);
    if (raw !== undefined) this.#readRaw();
    else if (comment !== undefined) this.#readComment();
    else {
      this.#push(isVariable ? "variable_begin" : "block_begin", "");
      this.#readTag(isVariable);
    }
  }

  /** The text before a tag: `-` takes all white space at its end, `lstrip_blocks` that of the tag's own line. */
  #strippedBefore(text: string, sign: string, isBlock: boolean): string {
    if (sign === "-") return trimmedEnd(text);
    if (sign === "+" || !isBlock) return text;
    const lineStart = text.lastIndexOf("\n") + 1;
    if (lineStart === 0 && !this.#startsLine) return text;
    return trimmedEnd(text.slice(lineStart)) === "" ? text.slice(0, lineStart) : text;
  }

  #readComment(): void {
    commentEnd.lastIndex = this.#at;
    if (commentEnd.exec(this.#source) === null) throw this.#error("Missing end of comment tag");
    this.#advance(commentEnd.lastIndex);
  }

  #readRaw(): void {
    rawEnd.lastIndex = this.#at;
    const match = rawEnd.exec(this.#source);
    if (match === null) throw this.#error("Missing end of raw directive");
    const text = this.#source.slice(this.#at, match.index);
    this.#pushData(this.#strippedBefore(text, match[1] ?? "", true));
    this.#advance(match.index + match[0].length);
  }

  /** Tokens up to the end of a tag; brackets are balanced, so that `}}` may end two dictionaries. */
  #readTag(isVariable: boolean): void {
    const end = isVariable ? variableEnd : blockEnd;
    const open: string[] = [];
    while (this.#at < this.#source.length) {
      if (open.length === 0 && this.#match(end) !== null) {
        this.#push(isVariable ? "variable_end" : "block_end", "");
        this.#advance(end.lastIndex);
        return;
      }
      this.#readTagToken(open);
    }
    throw this.#error("unexpected end of template, a tag is not closed");
  }

  #readTagToken(open: string[]): void {
    if (this.#match(spaces) !== null) {
      this.#advance(spaces.lastIndex);
      return;
    }
    const number = this.#match(float) ?? this.#match(integer);
    const found = number ?? this.#match(name) ?? this.#match(string) ?? this.#match(operator);
    if (found === null) throw this.#error(`unexpected character ${JSON.stringify(this.#source[this.#at])}`);
    if (number !== null) this.#pushNumber(number);
    else if (/^['"]/.test(found)) this.#pushString(found);
    else if (operatorTexts.has(found)) {
      this.#balance(found, open);
      this.#push("operator", found);
    } else if (identifier.test(found)) this.#push("name", found);
    else throw this.#error("Invalid character in identifier");
    this.#advance(this.#at + found.length);
  }

  #balance(text: string, open: string[]): void {
    const closer = closerOf[text];
    if (closer !== undefined) open.push(closer);
    if (text !== ")" && text !== "]" && text !== "}") return;
    const expected = open.pop();
    if (expected === undefined) throw this.#error(`unexpected '${text}'`);
    if (expected !== text) throw this.#error(`unexpected '${text}', expected '${expected}'`);
  }

  #pushNumber(text: string): void {
    const digits = text.replaceAll("_", "").toLowerCase();
    const isInteger = /^0[xob]/.test(digits) || /^\d+$/.test(digits);
    if (isInteger) this.#push("integer", text, integerFrom(BigInt(digits)));
    else this.#push("float", text, new PyFloat(Number(digits)));
  }

  #pushString(text: string): void {
    try {
      this.#push("string", stringLiteralValue(text.slice(1, -1)));
    } catch (cause) {
      throw this.#error(cause instanceof Error ? cause.message : String(cause));
    }
  }

  #pushData(text: string): void {
    if (text !== "") this.#push("data", text);
  }

  #push(type: TokenType, text: string, value: PyValue = null): void {
    this.#tokens.push({ type, text, value, line: this.#line });
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#source)?.[0] ?? null;
  }

  #advance(to: number): void {
    while (this.#lineEnd < to) {
      this.#line += 1;
      this.#lineEnd = positionOf("\n", this.#source, this.#lineEnd + 1);
    }
    if (to > this.#at) this.#startsLine = this.#source[to - 1] === "\n";
    this.#at = to;
  }

  #error(message: string): TemplateSyntaxError {
    return new TemplateSyntaxError(message, this.#line);
  }
}

const operatorTexts: ReadonlySet<string> = new Set([
  ..."+-/*%~[](){}><=.:|,;",
  "//",
  "**",
  "==",
  "!=",
  ">=",
  "<=",
]);

function positionOf(character: string, text: string, from: number): number {
  const at = text.indexOf(character, from);
  return at === -1 ? Number.POSITIVE_INFINITY : at;
}
