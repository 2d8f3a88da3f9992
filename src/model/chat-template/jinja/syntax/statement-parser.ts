/** @module Statements: text, print statements and tags, down to their end tags. */
import type {
  Assign,
  AssignBlock,
  Autoescape,
  Block,
  Body,
  CallBlock,
  Expr,
  FilterBlock,
  For,
  If,
  LoopControl,
  Macro,
  OtherTemplate,
  Output,
  Parameter,
  Statement,
  Target,
  With,
} from "./ast.ts";
import { ExpressionParser } from "./expression-parser.ts";
import { tokenize } from "./lexer.ts";
import { describeToken, TokenStream } from "./token-stream.ts";

/** Throws TemplateSyntaxError where the source is not a template. */
export function parseTemplate(source: string): Body {
  return new StatementParser(source).template();
}

const reservedNames: ReadonlySet<string> = new Set(["true", "false", "none", "True", "False", "None"]);

class StatementParser {
  readonly #stream: TokenStream;
  readonly #expressions: ExpressionParser;
  /** Tags that are open, innermost last. */
  readonly #openTags: string[] = [];

  constructor(source: string) {
    this.#stream = new TokenStream(tokenize(source));
    this.#expressions = new ExpressionParser(this.#stream);
  }

  template(): Body {
    const body = this.#untilTag([]);
    return body;
  }

  /** Statements up to a tag of `endTags`, whose name is then the current token; up to the end where there are none. */
  #untilTag(endTags: readonly string[]): Body {
    return this.#stream.nested(() => {
      const body: Statement[] = [];
      let items: (string | Expr)[] = [];
      let { line } = this.#stream;
      const flush = (): void => {
        if (items.length > 0) body.push({ type: "Output", items, line });
        items = [];
      };
      for (;;) {
        const token = this.#stream.next();
        if (items.length === 0) line = token.line;
        if (token.type === "data") items.push(token.text);
        else if (token.type === "variable_begin") {
          items.push(this.#expressions.tuple());
          this.#stream.expectType("variable_end");
        } else if (token.type === "block_begin") {
          flush();
          if (this.#stream.isName(...endTags)) return body;
          body.push(this.#statement());
          this.#stream.expectType("block_end");
        } else {
          flush();
          if (endTags.length > 0) throw this.#unexpectedEnd(endTags);
          return body;
        }
      }
    });
  }

  #statement(): Statement {
    const token = this.#stream.current;
    if (token.type !== "name") throw this.#stream.error("a tag's name is missing");
    const parse = this.#parsers[token.text];
    if (parse === undefined || !Object.hasOwn(this.#parsers, token.text))
      throw this.#stream.error(this.#unknownTag(token.text));
    this.#openTags.push(token.text);
    const statement = parse(token.line);
    this.#openTags.pop();
    return statement;
  }

  readonly #parsers: Readonly<Record<string, (line: number) => Statement>> = {
    for: (line) => this.#for(line),
    if: (line) => this.#if(line),
    set: (line) => this.#set(line),
    macro: (line) => this.#macro(line),
    call: (line) => this.#callBlock(line),
    filter: (line) => this.#filterBlock(line),
    with: (line) => this.#with(line),
    print: (line) => this.#print(line),
    block: (line) => this.#block(line),
    autoescape: (line) => this.#autoescape(line),
    generation: (line) => this.#generation(line),
    break: (line) => this.#loopControl("Break", line),
    continue: (line) => this.#loopControl("Continue", line),
    include: (line) => this.#include(line),
    import: (line) => this.#import(line),
    from: (line) => this.#from(line),
    extends: (line) => this.#extends(line),
  };

  /** The body of a tag, and the end tag that ended it. The end tag's name is taken. */
  #body(...endTags: readonly string[]): readonly [body: Body, endTag: string] {
    this.#stream.skipOperator(":");
    this.#stream.expectType("block_end");
    const body = this.#untilTag(endTags);
    return [body, this.#stream.next().text];
  }

  #for(line: number): For {
    this.#stream.next();
    const target = this.#target({ endName: "in" });
    this.#stream.expectName("in");
    const iterable = this.#expressions.tuple({ withCondition: false, endName: "recursive" });
    const filter = this.#stream.skipName("if") ? this.#expressions.expression() : null;
    const recursive = this.#stream.skipName("recursive");
    const [body, endTag] = this.#body("endfor", "else");
    const otherwise = endTag === "else" ? this.#body("endfor")[0] : [];
    return { type: "For", target, iterable, filter, recursive, body, otherwise, line };
  }

  #if(line: number): If {
    const branches: If["branches"][number][] = [];
    for (;;) {
      this.#stream.next();
      const test = this.#expressions.tuple({ withCondition: false });
      this.#stream.skipOperator(":");
      this.#stream.expectType("block_end");
      const body = this.#untilTag(["elif", "else", "endif"]);
      branches.push({ test, body });
      if (this.#stream.isName("elif")) continue;
      const endTag = this.#stream.next().text;
      return { type: "If", branches, otherwise: endTag === "else" ? this.#body("endif")[0] : [], line };
    }
  }

  #set(line: number): Assign | AssignBlock {
    this.#stream.next();
    const target = this.#target({ withNamespace: true });
    if (this.#stream.skipOperator("="))
      return { type: "Assign", target, value: this.#expressions.tuple(), line };
    const filter = this.#expressions.filters(null);
    return { type: "AssignBlock", target, filter, body: this.#body("endset")[0], line };
  }

  #macro(line: number): Macro {
    this.#stream.next();
    const name = this.#nameTarget();
    const parameters = this.#parameters();
    return { type: "Macro", name, parameters, body: this.#body("endmacro")[0], line };
  }

  #callBlock(line: number): CallBlock {
    this.#stream.next();
    const parameters = this.#stream.isOperator("(") ? this.#parameters() : [];
    const call = this.#expressions.expression();
    if (call.type !== "Call") throw this.#stream.error("expected a call", line);
    return { type: "CallBlock", call, parameters, body: this.#body("endcall")[0], line };
  }

  /** Where the assistant's own text stands: printed as it is. */
  #generation(line: number): CallBlock {
    this.#stream.next();
    return { type: "CallBlock", call: null, parameters: [], body: this.#body("endgeneration")[0], line };
  }

  #filterBlock(line: number): FilterBlock {
    this.#stream.next();
    const filter = this.#expressions.filters(null, true);
    if (filter === null) throw this.#stream.error("expected a filter", line);
    return { type: "FilterBlock", filter, body: this.#body("endfilter")[0], line };
  }

  #with(line: number): With {
    this.#stream.next();
    const targets: Target[] = [];
    const values: Expr[] = [];
    while (!this.#stream.isType("block_end")) {
      if (targets.length > 0) this.#stream.expectOperator(",");
      targets.push(this.#target());
      this.#stream.expectOperator("=");
      values.push(this.#expressions.expression());
    }
    return { type: "With", targets, values, body: this.#body("endwith")[0], line };
  }

  #print(line: number): Output {
    this.#stream.next();
    const items: Expr[] = [];
    while (!this.#stream.isType("block_end")) {
      if (items.length > 0) this.#stream.expectOperator(",");
      items.push(this.#expressions.expression());
    }
    return { type: "Output", items, line };
  }

  #block(line: number): Block {
    this.#stream.next();
    const name = this.#stream.expectType("name").text;
    const scoped = this.#stream.skipName("scoped");
    const required = this.#stream.skipName("required");
    const [body] = this.#body("endblock");
    this.#stream.skipName(name);
    const isBlank = body.every(
      (statement) =>
        statement.type === "Output" &&
        statement.items.every((item) => typeof item === "string" && item.trim() === ""),
    );
    if (required && !isBlank)
      throw this.#stream.error("required blocks can only contain comments or white space", line);
    return { type: "Block", name, scoped, required, body, line };
  }

  #autoescape(line: number): Autoescape {
    this.#stream.next();
    const enabled = this.#expressions.expression();
    return { type: "Autoescape", enabled, body: this.#body("endautoescape")[0], line };
  }

  #loopControl(type: LoopControl["type"], line: number): LoopControl {
    this.#stream.next();
    return { type, line };
  }

  #include(line: number): OtherTemplate {
    this.#stream.next();
    const template = this.#expressions.expression();
    if (this.#stream.skipName("ignore")) this.#stream.expectName("missing");
    this.#importContext();
    return { type: "OtherTemplate", tag: "include", template, names: [], line };
  }

  #import(line: number): OtherTemplate {
    this.#stream.next();
    const template = this.#expressions.expression();
    this.#stream.expectName("as");
    const names = [this.#nameTarget()];
    this.#importContext();
    return { type: "OtherTemplate", tag: "import", template, names, line };
  }

  #from(line: number): OtherTemplate {
    this.#stream.next();
    const template = this.#expressions.expression();
    this.#stream.expectName("import");
    const names: string[] = [];
    do {
      if (this.#importContext()) break;
      const name = this.#nameTarget();
      if (name.startsWith("_"))
        throw this.#stream.error("names that start with an underscore cannot be imported");
      names.push(this.#stream.skipName("as") ? this.#nameTarget() : name);
    } while (!this.#importContext() && this.#stream.skipOperator(","));
    return { type: "OtherTemplate", tag: "from", template, names, line };
  }

  #extends(line: number): OtherTemplate {
    this.#stream.next();
    const template = this.#expressions.expression();
    return { type: "OtherTemplate", tag: "extends", template, names: [], line };
  }

  #importContext(): boolean {
    const { following } = this.#stream;
    if (!this.#stream.isName("with", "without") || following.text !== "context") return false;
    this.#stream.next();
    this.#stream.next();
    return true;
  }

  #parameters(): readonly Parameter[] {
    this.#stream.expectOperator("(");
    const parameters: Parameter[] = [];
    while (!this.#stream.isOperator(")")) {
      if (parameters.length > 0) this.#stream.expectOperator(",");
      const name = this.#nameTarget();
      if (parameters.some((other) => other.name === name))
        throw this.#stream.error(`the parameter '${name}' stands twice`);
      const fallback = this.#stream.skipOperator("=") ? this.#expressions.expression() : null;
      if (fallback === null && (parameters.at(-1)?.fallback ?? null) !== null)
        throw this.#stream.error("a parameter without a default follows one with a default");
      parameters.push({ name, fallback });
    }
    this.#stream.expectOperator(")");
    return parameters;
  }

  #target(options: { readonly endName?: string; readonly withNamespace?: boolean } = {}): Target {
    const { line } = this.#stream;
    const [items, isTuple] = this.#expressions.tupleItems(
      () => this.#targetItem(options.withNamespace ?? false),
      options.endName,
    );
    const [first] = items;
    if (isTuple) return { type: "TupleTarget", items, line };
    if (first === undefined)
      throw this.#stream.error(`expected an expression, got ${describeToken(this.#stream.current)}`);
    return first;
  }

  #targetItem(withNamespace: boolean): Target {
    const { line } = this.#stream;
    if (this.#stream.skipOperator("(")) return this.#stream.nested(() => this.#targetInParentheses(line));
    const name = this.#nameTarget();
    if (!withNamespace || !this.#stream.skipOperator(".")) return { type: "NameTarget", name, line };
    return { type: "NamespaceTarget", name, field: this.#stream.expectType("name").text, line };
  }

  #targetInParentheses(line: number): Target {
    const [items, isTuple] = this.#expressions.tupleItems(() => this.#targetItem(false));
    this.#stream.expectOperator(")");
    const [first] = items;
    return isTuple || first === undefined ? { type: "TupleTarget", items, line } : first;
  }

  #nameTarget(): string {
    const { text } = this.#stream.expectType("name");
    if (reservedNames.has(text)) throw this.#stream.error(`cannot assign to '${text}'`);
    return text;
  }

  #unknownTag(name: string): string {
    const open = this.#openTags.at(-1);
    return open === undefined
      ? `unknown tag '${name}'`
      : `unknown tag '${name}' while '${open}' needs to be closed`;
  }

  #unexpectedEnd(endTags: readonly string[]): Error {
    const tags = endTags.map((tag) => `'${tag}'`).join(" or ");
    return this.#stream.error(`unexpected end of template, expected ${tags}`);
  }
}
