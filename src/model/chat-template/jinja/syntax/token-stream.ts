/** @module Tokens in order, with what every parser asks of them. */
import { TemplateSyntaxError } from "../values/errors.ts";
import type { Token, TokenType } from "./lexer.ts";

/** As deep as brackets, signs and blocks may stand inside each other; CPython refuses fewer. */
const maxNesting = 100;

export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;
  #nesting = 0;

  /** `tokens` ends with one of type `eof`. */
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#token(this.#at);
  }

  get following(): Token {
    return this.#token(this.#at + 1);
  }

  get line(): number {
    return this.current.line;
  }

  next(): Token {
    const token = this.current;
    if (token.type !== "eof") this.#at += 1;
    return token;
  }

  isType(type: TokenType): boolean {
    return this.current.type === type;
  }

  isName(...names: readonly string[]): boolean {
    return isNamed(this.current, names);
  }

  isOperator(...texts: readonly string[]): boolean {
    return this.current.type === "operator" && texts.includes(this.current.text);
  }

  skipName(name: string): boolean {
    return this.isName(name) && this.next() !== null;
  }

  skipOperator(text: string): boolean {
    return this.isOperator(text) && this.next() !== null;
  }

  expectType(type: TokenType): Token {
    if (!this.isType(type)) throw this.#unexpected(typeNames[type]);
    return this.next();
  }

  expectName(name: string): Token {
    if (!this.isName(name)) throw this.#unexpected(`'${name}'`);
    return this.next();
  }

  expectOperator(text: string): Token {
    if (!this.isOperator(text)) throw this.#unexpected(`'${text}'`);
    return this.next();
  }

  /** Runs `parse` one level deeper; throws where that is too deep for the stack of calls. */
  nested<T>(parse: () => T): T {
    if (this.#nesting === maxNesting)
      throw this.error(`the template nests more than ${maxNesting} brackets, signs or blocks`);
    this.#nesting += 1;
    const result = parse();
    this.#nesting -= 1;
    return result;
  }

  error(message: string, line = this.line): TemplateSyntaxError {
    return new TemplateSyntaxError(message, line);
  }

  #unexpected(expected: string): TemplateSyntaxError {
    return this.error(`expected ${expected}, got ${describeToken(this.current)}`);
  }

  #token(at: number): Token {
    const token = this.#tokens[Math.min(at, this.#tokens.length - 1)];
    if (token === undefined) throw new TemplateSyntaxError("there are no tokens", 1);
    return token;
  }
}

export function isNamed(token: Token, names: readonly string[]): boolean {
  return token.type === "name" && names.includes(token.text);
}

export function describeToken(token: Token): string {
  return token.text === "" || token.type === "data" ? typeNames[token.type] : `'${token.text}'`;
}

const typeNames: Readonly<Record<TokenType, string>> = {
  data: "text",
  block_begin: "begin of statement block",
  block_end: "end of statement block",
  variable_begin: "begin of print statement",
  variable_end: "end of print statement",
  name: "a name",
  string: "a string",
  integer: "a number",
  float: "a number",
  operator: "an operator",
  eof: "end of template",
};
