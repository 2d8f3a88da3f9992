/**
 * @module Grammars in Lark's notation, as vLLM takes them beside GBNF: rules `name: …`, terminals `NAME: …`, `start` first,
 * %import of the common terminals, and %ignore.
 */
import {
  characters,
  choice,
  type Expression,
  type Grammar,
  nothing,
  optional,
  repeat,
  rule,
  sequence,
  text,
} from "../expression/expression.ts";
import { regexExpression } from "../regular/regex.ts";
import { commonTerminals } from "./lark-terminals.ts";
import { type LarkToken, larkFault, larkTokens } from "./lark-tokens.ts";

const deepest = 200;
const mostRepetitions = 10_000;
/** The rule for what may stand between terminals; no name of a grammar has a blank. */
const ignoredRule = "what is ignored";
const startRule = "the start";

/** GBNF's rules have `::=`, Lark's have none: vLLM tells them apart so. */
export function isLark(source: string): boolean {
  return !source.split("\n").some((line) => line.replace(/(#|\/\/).*$/, "").includes("::="));
}

/** Throws GrammarFault with the line of the mistake. */
export function larkGrammar(source: string): Grammar {
  return new LarkParser(larkTokens(source)).parse();
}

const isTerminal = (name: string): boolean => /^_?[A-Z]/.test(name);

class LarkParser {
  readonly #tokens: readonly LarkToken[];
  readonly #rules = new Map<string, Expression>();
  readonly #ignored: Expression[] = [];
  #at = 0;
  #depth = 0;
  /** Whether the rule that is read is a terminal: nothing is ignored inside of it. */
  #inTerminal = false;

  constructor(tokens: readonly LarkToken[]) {
    this.#tokens = tokens;
  }

  parse(): Grammar {
    while (this.#peek() !== undefined) if (!this.#takes("line")) this.#statement();
    if (!this.#rules.has("start")) throw this.#fault("there is no rule 'start'");
    const [one] = this.#ignored;
    const ignored = choice(...this.#ignored);
    // One terminal of blanks repeats itself; of several each may follow the other.
    this.#rules.set(
      ignoredRule,
      one === undefined ? nothing : this.#ignored.length === 1 ? optional(one) : repeat(ignored, 0, null),
    );
    this.#rules.set(startRule, sequence(rule(ignoredRule), rule("start")));
    return { rules: this.#rules, root: startRule };
  }

  #statement(): void {
    const token = this.#peek();
    if (token?.kind === "directive") {
      this.#directive();
      return;
    }
    // `?` and `!` before a name shape trees, which nobody builds here.
    while (this.#takesSign("?") || this.#takesSign("!"));
    const name = this.#name();
    if (this.#takesSign(".")) this.#number();
    if (!this.#takesSign(":")) throw this.#fault(`':' is missing after '${name}'`);
    if (this.#rules.has(name)) throw this.#fault(`the rule '${name}' is there twice`);
    this.#inTerminal = isTerminal(name);
    this.#rules.set(name, withoutLeftRecursion(name, this.#alternatives()));
    this.#endStatement();
  }

  #directive(): void {
    const { text: directive = "" } = this.#next() ?? {};
    if (directive === "%import") this.#import();
    else if (directive === "%ignore") {
      this.#inTerminal = true;
      this.#ignored.push(this.#alternatives());
    } else throw this.#fault(`'${directive}' is not supported`);
    this.#endStatement();
  }

  #import(): void {
    const from = this.#name();
    if (!this.#takesSign(".")) throw this.#fault(`'.' is missing after '${from}'`);
    const name = this.#name();
    const pattern = from === "common" ? commonTerminals.get(name) : undefined;
    if (pattern === undefined) throw this.#fault(`'${from}.${name}' cannot be imported`);
    const alias = this.#takesSign("->") ? this.#name() : name;
    this.#rules.set(alias, regexExpression(pattern, { whole: true }));
  }

  #alternatives(): Expression {
    if (++this.#depth > deepest) throw this.#fault(`groups are nested more than ${deepest} deep`);
    const options = [this.#sequence()];
    while (this.#takesBar()) options.push(this.#sequence());
    this.#depth--;
    return choice(...options);
  }

  /** An alternative may stand on the next line. */
  #takesBar(): boolean {
    let ahead = 0;
    while (this.#peek(ahead)?.kind === "line") ahead++;
    const token = this.#peek(ahead);
    if (token?.kind !== "sign" || token.text !== "|") return false;
    this.#at += ahead + 1;
    return true;
  }

  #sequence(): Expression {
    const parts: Expression[] = [];
    for (let item = this.#item(); item !== null; item = this.#item()) parts.push(this.#repeated(item));
    // The name of an alternative is a tree's too.
    if (this.#takesSign("->")) this.#name();
    return parts.length === 0 ? nothing : sequence(...parts);
  }

  #item(): Expression | null {
    if (this.#takesSign("(")) return this.#group(")");
    if (this.#takesSign("[")) return optional(this.#group("]"));
    const token = this.#peek();
    switch (token?.kind) {
      case "string":
        this.#at++;
        return this.#spaced(this.#takesSign("..") ? this.#range(token) : literal(token));
      case "regex":
        this.#at++;
        if (token.flags !== "")
          throw this.#fault(`the flags '${token.flags}' of an expression are not supported`);
        return this.#spaced(regexExpression(token.text, { whole: true }));
      case "name":
        this.#at++;
        return isTerminal(token.text) ? this.#spaced(rule(token.text)) : rule(token.text);
      default:
        return null;
    }
  }

  #group(close: string): Expression {
    while (this.#takes("line"));
    const inner = this.#alternatives();
    while (this.#takes("line"));
    if (!this.#takesSign(close)) throw this.#fault(`'${close}' is missing`);
    return inner;
  }

  /** Between the terminals of rules stands what is ignored. */
  #spaced(terminal: Expression): Expression {
    return this.#inTerminal ? terminal : sequence(terminal, rule(ignoredRule));
  }

  #range(first: LarkToken): Expression {
    const last = this.#next();
    const [from, to] = [first, last].map((token) =>
      token?.kind === "string" ? [...unescaped(token.text)] : [],
    );
    const [low, high] = [from?.[0]?.codePointAt(0), to?.[0]?.codePointAt(0)];
    if (from?.length !== 1 || to?.length !== 1 || low === undefined || high === undefined || high < low)
      throw this.#fault("a range is not of two characters in order");
    return characters([low, high]);
  }

  #repeated(body: Expression): Expression {
    if (this.#takesSign("?")) return optional(body);
    if (this.#takesSign("*")) return repeat(body, 0, null);
    if (this.#takesSign("+")) return repeat(body, 1, null);
    if (this.#takesSign("~")) {
      const min = this.#number();
      return this.#counted(body, min, this.#takesSign("..") ? this.#number() : min);
    }
    if (!this.#takesSign("{")) return body;
    const min = this.#peek()?.kind === "number" ? this.#number() : 0;
    const max = !this.#takesSign(",") ? min : this.#peek()?.kind === "number" ? this.#number() : null;
    if (!this.#takesSign("}")) throw this.#fault("'}' is missing");
    return this.#counted(body, min, max);
  }

  #counted(body: Expression, min: number, max: number | null): Expression {
    if (min > mostRepetitions || (max ?? 0) > mostRepetitions)
      throw this.#fault(`a repetition is of more than ${mostRepetitions} times`);
    if (max !== null && max < min) throw this.#fault("the numbers of a repetition are out of order");
    return repeat(body, min, max);
  }

  #endStatement(): void {
    const token = this.#peek();
    if (token !== undefined && token.kind !== "line")
      throw this.#fault(`'${token.text}' is not expected here`);
  }

  #peek(ahead = 0): LarkToken | undefined {
    return this.#tokens[this.#at + ahead];
  }

  #next(): LarkToken | undefined {
    return this.#tokens[this.#at++];
  }

  #takes(kind: LarkToken["kind"]): boolean {
    if (this.#peek()?.kind !== kind) return false;
    this.#at++;
    return true;
  }

  #takesSign(sign: string): boolean {
    const token = this.#peek();
    if (token?.kind !== "sign" || token.text !== sign) return false;
    this.#at++;
    return true;
  }

  #name(): string {
    const token = this.#peek();
    if (token?.kind !== "name")
      throw this.#fault(`a name is missing before '${token?.text.trim() ?? "the end"}'`);
    this.#at++;
    return token.text;
  }

  #number(): number {
    const token = this.#peek();
    if (token?.kind !== "number") throw this.#fault("a number is missing");
    this.#at++;
    return Number(token.text);
  }

  #fault(what: string): ReturnType<typeof larkFault> {
    const token = this.#tokens[Math.min(this.#at, this.#tokens.length - 1)];
    return larkFault(token?.line ?? 1, what);
  }
}

/** `a: b | a "+" b` as `a: b ("+" b)*`: the same texts, read from left to right. */
function withoutLeftRecursion(name: string, body: Expression): Expression {
  if (body.kind !== "choice") return body;
  const isSelf = (option: Expression): boolean => option.kind === "rule" && option.name === name;
  const tails: Expression[] = [];
  const starts: Expression[] = [];
  for (const option of body.options) {
    const [first, ...rest] = option.kind === "sequence" ? option.parts : [option];
    if (first !== undefined && isSelf(first)) tails.push(sequence(...rest));
    else starts.push(option);
  }
  if (tails.length === 0 || starts.length === 0) return body;
  return sequence(choice(...starts), repeat(choice(...tails), 0, null));
}

/** `"…"i`: both cases of every letter. */
function literal({ text: written, flags }: LarkToken): Expression {
  const value = unescaped(written);
  if (value === "") return nothing;
  if (!flags.includes("i")) return text(value);
  return sequence(
    ...[...value].map((char) => choice(...[...new Set([char.toLowerCase(), char.toUpperCase()])].map(text))),
  );
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v", "0": "\0" };

function unescaped(written: string): string {
  return written.replace(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|([\s\S]))/g, (_, x, u, char) =>
    char === undefined ? String.fromCodePoint(Number.parseInt(x ?? u, 16)) : (escapes[char] ?? char),
  );
}
