/** @module Expressions, in Jinja's order of precedence: if/else, or, and, not, comparisons, + -, ~, * / // %, **, signs. */
import { PyTuple } from "../python/values.ts";
import type {
  BinaryExpr,
  BinaryOperator,
  CallArguments,
  CompareExpr,
  CompareOperator,
  Expr,
  FilterExpr,
  SliceExpr,
} from "./ast.ts";
import { describeToken, isNamed, type TokenStream } from "./token-stream.ts";

/** A chain of operators this deep is refused; evaluating it takes as many calls. */
const maxDepth = 300;

const comparisons: Readonly<Record<string, CompareOperator>> = {
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  "<=": "lteq",
  ">": "gt",
  ">=": "gteq",
};

const noArguments: CallArguments = { args: [], kwargs: [], dynArgs: null, dynKwargs: null };

type Bounds = { readonly start: Expr | null; readonly stop: Expr | null; readonly step: Expr | null };

export class ExpressionParser {
  readonly #stream: TokenStream;

  constructor(stream: TokenStream) {
    this.#stream = stream;
  }

  /** `withCondition` is off where an `if` of a statement may follow. */
  expression(withCondition = true): Expr {
    return this.#stream.nested(() => (withCondition ? this.#condition() : this.#or()));
  }

  /** One expression, or several with commas between them as a tuple. `endName` is a word that also ends it. */
  tuple(options: { readonly withCondition?: boolean; readonly endName?: string } = {}): Expr {
    const { line } = this.#stream;
    const [items, isTuple] = this.tupleItems(
      () => this.expression(options.withCondition ?? true),
      options.endName,
    );
    const [first] = items;
    if (!isTuple && first !== undefined) return first;
    if (!isTuple)
      throw this.#stream.error(`expected an expression, got ${describeToken(this.#stream.current)}`);
    return this.#deep({ type: "Tuple", items, line }, items);
  }

  /** Items up to what cannot begin one; and whether there was a comma. */
  tupleItems<T>(parse: () => T, endName?: string): readonly [items: T[], isTuple: boolean] {
    const items: T[] = [];
    for (;;) {
      if (items.length > 0) this.#stream.expectOperator(",");
      if (this.#isTupleEnd(endName)) return [items, items.length > 0];
      items.push(parse());
      if (!this.#stream.isOperator(",")) return [items, items.length > 1];
    }
  }

  /** The filters after a `|`, over `operand`; for a filter block the first has no `|`. */
  filters(operand: Expr | null, startsInline = false): FilterExpr | null {
    let filter: FilterExpr | null = null;
    for (let inline = startsInline; inline || this.#stream.isOperator("|"); inline = false) {
      if (!inline) this.#stream.next();
      const { line } = this.#stream;
      const name = this.#dottedName();
      const call = this.#stream.isOperator("(") ? this.#callArguments() : noArguments;
      filter = this.#deep({ type: "Filter", name, operand: filter ?? operand, line, ...call }, [
        filter ?? operand,
        ...expressionsOf(call),
      ]);
    }
    return filter;
  }

  #condition(): Expr {
    let expr = this.#or();
    while (this.#stream.skipName("if")) {
      const { line } = this.#stream;
      const test = this.#or();
      const otherwise = this.#stream.skipName("else") ? this.#stream.nested(() => this.#condition()) : null;
      expr = this.#deep({ type: "CondExpr", test, then: expr, otherwise, line }, [test, expr, otherwise]);
    }
    return expr;
  }

  #or(): Expr {
    let left = this.#and();
    while (this.#stream.isName("or")) {
      const { line } = this.#stream.next();
      const right = this.#and();
      left = this.#deep({ type: "Or", left, right, line }, [left, right]);
    }
    return left;
  }

  #and(): Expr {
    let left = this.#not();
    while (this.#stream.isName("and")) {
      const { line } = this.#stream.next();
      const right = this.#not();
      left = this.#deep({ type: "And", left, right, line }, [left, right]);
    }
    return left;
  }

  #not(): Expr {
    if (!this.#stream.isName("not")) return this.#comparison();
    const { line } = this.#stream.next();
    const operand = this.#stream.nested(() => this.#not());
    return this.#deep({ type: "Not", operand, line }, [operand]);
  }

  #comparison(): Expr {
    const first = this.#sum();
    const rest: CompareExpr["rest"][number][] = [];
    const { line } = this.#stream;
    for (let operator = this.#comparisonOperator(); operator !== null; operator = this.#comparisonOperator())
      rest.push({ operator, operand: this.#sum() });
    if (rest.length === 0) return first;
    return this.#deep({ type: "Compare", first, rest, line }, [first, ...rest.map(({ operand }) => operand)]);
  }

  /** Takes the operator, if one comes next. */
  #comparisonOperator(): CompareOperator | null {
    const { current, following } = this.#stream;
    const operator = current.type === "operator" ? comparisons[current.text] : undefined;
    if (operator !== undefined) {
      this.#stream.next();
      return operator;
    }
    if (this.#stream.skipName("in")) return "in";
    if (!this.#stream.isName("not") || !isNamed(following, ["in"])) return null;
    this.#stream.next();
    this.#stream.next();
    return "notin";
  }

  #sum(): Expr {
    return this.#leftToRight(["+", "-"], () => this.#concatenation());
  }

  #concatenation(): Expr {
    const { line } = this.#stream;
    const items = [this.#product()];
    while (this.#stream.skipOperator("~")) items.push(this.#product());
    const [first] = items;
    if (items.length === 1 && first !== undefined) return first;
    return this.#deep({ type: "Concat", items, line }, items);
  }

  #product(): Expr {
    return this.#leftToRight(["*", "/", "//", "%"], () => this.#power());
  }

  /** Jinja's `**` goes from left to right. */
  #power(): Expr {
    return this.#leftToRight(["**"], () => this.#unary());
  }

  #leftToRight(operators: readonly BinaryOperator[], operand: () => Expr): Expr {
    let left = operand();
    for (;;) {
      const operator = operators.find((text) => this.#stream.isOperator(text));
      if (operator === undefined) return left;
      const { line } = this.#stream.next();
      const right = operand();
      const node: Omit<BinaryExpr, "depth"> = { type: "Binary", operator, left, right, line };
      left = this.#deep(node, [left, right]);
    }
  }

  /** A sign binds closer than a filter: `-x | f` is `(-x) | f`. */
  #unary(withFilter = true): Expr {
    const node = this.#postfix(this.#signed());
    return withFilter ? this.#filterOrTest(node) : node;
  }

  #signed(): Expr {
    if (!this.#stream.isOperator("-", "+")) return this.#primary();
    const { text, line } = this.#stream.next();
    const operand = this.#stream.nested(() => this.#unary(false));
    return this.#deep({ type: text === "-" ? "Neg" : "Pos", operand, line }, [operand]);
  }

  #primary(): Expr {
    const { current: token, line } = this.#stream;
    switch (token.type) {
      case "name":
        this.#stream.next();
        return this.#deep(
          constantNames.get(token.text) ?? { type: "Name", name: token.text, line },
          [],
          line,
        );
      case "string":
        return this.#deep({ type: "Const", value: this.#adjacentStrings(), line }, []);
      case "integer":
      case "float":
        this.#stream.next();
        return this.#deep({ type: "Const", value: token.value, line }, []);
      default:
    }
    if (this.#stream.isOperator("(")) return this.#parenthesis();
    if (this.#stream.isOperator("[")) return this.#list();
    if (this.#stream.isOperator("{")) return this.#dict();
    throw this.#stream.error(`unexpected ${describeToken(token)}`);
  }

  #adjacentStrings(): string {
    let text = "";
    while (this.#stream.isType("string")) text += this.#stream.next().text;
    return text;
  }

  #parenthesis(): Expr {
    const { line } = this.#stream.next();
    if (this.#stream.skipOperator(")"))
      return this.#deep({ type: "Const", value: new PyTuple([]), line }, []);
    const inner = this.tuple();
    this.#stream.expectOperator(")");
    return inner;
  }

  #list(): Expr {
    const { line } = this.#stream.next();
    const items = this.#commaSeparated("]", () => this.expression());
    return this.#deep({ type: "List", items, line }, items);
  }

  #dict(): Expr {
    const { line } = this.#stream.next();
    const pairs = this.#commaSeparated("}", () => {
      const key = this.expression();
      this.#stream.expectOperator(":");
      return { key, value: this.expression() };
    });
    return this.#deep(
      { type: "Dict", pairs, line },
      pairs.flatMap(({ key, value }) => [key, value]),
    );
  }

  /** Items up to and with `closer`; a comma may follow the last. */
  #commaSeparated<T>(closer: string, parse: () => T): T[] {
    const items: T[] = [];
    while (!this.#stream.isOperator(closer)) {
      if (items.length > 0) this.#stream.expectOperator(",");
      if (this.#stream.isOperator(closer)) break;
      items.push(parse());
    }
    this.#stream.expectOperator(closer);
    return items;
  }

  #postfix(operand: Expr): Expr {
    let node = operand;
    for (;;) {
      if (this.#stream.isOperator(".")) node = this.#attribute(node);
      else if (this.#stream.isOperator("[")) node = this.#subscript(node);
      else if (this.#stream.isOperator("(")) node = this.#call(node);
      else return node;
    }
  }

  #filterOrTest(operand: Expr): Expr {
    let node = operand;
    for (;;) {
      if (this.#stream.isOperator("|")) node = this.filters(node) ?? node;
      else if (this.#stream.isName("is")) node = this.#test(node);
      else if (this.#stream.isOperator("(")) node = this.#call(node);
      else return node;
    }
  }

  #attribute(object: Expr): Expr {
    const { line } = this.#stream.next();
    const token = this.#stream.next();
    if (token.type === "name")
      return this.#deep({ type: "Getattr", object, name: token.text, line }, [object]);
    if (token.type !== "integer")
      throw this.#stream.error("expected a name or a number after '.'", token.line);
    const index = this.#deep({ type: "Const", value: token.value, line }, []);
    return this.#deep({ type: "Getitem", object, index, line }, [object]);
  }

  #subscript(object: Expr): Expr {
    const { line } = this.#stream.next();
    const parts: (Expr | Bounds)[] = this.#commaSeparatedParts();
    const [first] = parts;
    if (first === undefined || parts.length > 1) return this.#tupleIndex(object, parts, line);
    if ("type" in first) return this.#deep({ type: "Getitem", object, index: first, line }, [object, first]);
    const node: Omit<SliceExpr, "depth"> = { type: "Slice", object, ...first, line };
    return this.#deep(node, [object, first.start, first.stop, first.step]);
  }

  #commaSeparatedParts(): (Expr | Bounds)[] {
    const parts: (Expr | Bounds)[] = [];
    while (!this.#stream.isOperator("]")) {
      if (parts.length > 0) this.#stream.expectOperator(",");
      parts.push(this.#indexOrSlice());
    }
    this.#stream.expectOperator("]");
    return parts;
  }

  #tupleIndex(object: Expr, parts: readonly (Expr | Bounds)[], line: number): Expr {
    const items = parts.map((part) => {
      if ("type" in part) return part;
      throw this.#stream.error("a slice within a tuple of indexes is not supported", line);
    });
    const index = this.#deep({ type: "Tuple", items, line }, items);
    return this.#deep({ type: "Getitem", object, index, line }, [object, index]);
  }

  #indexOrSlice(): Expr | Bounds {
    const start = this.#stream.isOperator(":") ? null : this.expression();
    if (start !== null && !this.#stream.isOperator(":")) return start;
    this.#stream.next();
    const stop = this.#stream.isOperator(":", "]", ",") ? null : this.expression();
    if (!this.#stream.skipOperator(":")) return { start, stop, step: null };
    return { start, stop, step: this.#stream.isOperator("]", ",") ? null : this.expression() };
  }

  #call(callee: Expr): Expr {
    const { line } = this.#stream;
    const call = this.#callArguments();
    return this.#deep({ type: "Call", callee, line, ...call }, [callee, ...expressionsOf(call)]);
  }

  #callArguments(): CallArguments {
    const { line } = this.#stream.expectOperator("(");
    const args: Expr[] = [];
    const kwargs: CallArguments["kwargs"][number][] = [];
    let dynArgs: Expr | null = null;
    let dynKwargs: Expr | null = null;
    const ensure = (holds: boolean): void => {
      if (!holds) throw this.#stream.error("invalid syntax for function call expression", line);
    };
    this.#commaSeparated(")", () => {
      if (this.#stream.skipOperator("*")) {
        ensure(dynArgs === null && dynKwargs === null);
        dynArgs = this.expression();
      } else if (this.#stream.skipOperator("**")) {
        ensure(dynKwargs === null);
        dynKwargs = this.expression();
      } else if (this.#stream.isType("name") && this.#isAssignment()) {
        ensure(dynKwargs === null);
        const key = this.#stream.next().text;
        ensure(kwargs.every((other) => other.key !== key));
        this.#stream.next();
        kwargs.push({ key, value: this.expression() });
      } else {
        ensure(dynArgs === null && dynKwargs === null && kwargs.length === 0);
        args.push(this.expression());
      }
    });
    return { args, kwargs, dynArgs, dynKwargs };
  }

  #isAssignment(): boolean {
    const { following } = this.#stream;
    return following.type === "operator" && following.text === "=";
  }

  #test(operand: Expr): Expr {
    const { line } = this.#stream.next();
    const isNegated = this.#stream.skipName("not");
    const name = this.#dottedName();
    const call = this.#stream.isOperator("(") ? this.#callArguments() : this.#bareTestArgument();
    const test = this.#deep({ type: "Test", name, operand, line, ...call }, [
      operand,
      ...expressionsOf(call),
    ]);
    return isNegated ? this.#deep({ type: "Not", operand: test, line }, [test]) : test;
  }

  /** `x is divisibleby 3`: one argument without brackets. */
  #bareTestArgument(): CallArguments {
    const { current } = this.#stream;
    const begins =
      ["name", "string", "integer", "float"].includes(current.type) || this.#stream.isOperator("[", "{");
    if (!begins || this.#stream.isName("else", "or", "and")) return noArguments;
    if (this.#stream.isName("is")) throw this.#stream.error("tests cannot be chained with 'is'");
    return { ...noArguments, args: [this.#postfix(this.#primary())] };
  }

  #dottedName(): string {
    let name = this.#stream.expectType("name").text;
    while (this.#stream.skipOperator(".")) name += `.${this.#stream.expectType("name").text}`;
    return name;
  }

  #isTupleEnd(endName?: string): boolean {
    const isEnd = this.#stream.isType("variable_end") || this.#stream.isType("block_end");
    return isEnd || this.#stream.isOperator(")") || (endName !== undefined && this.#stream.isName(endName));
  }

  /** Adds the node's depth, which is bounded: one more than that of its deepest child. */
  #deep<const T extends object>(node: T, children: readonly (Expr | null)[], line = this.#stream.line): T & Depth {
    let depth = 1;
    for (const child of children) if (child !== null && child.depth >= depth) depth = child.depth + 1;
    if (depth > maxDepth)
      throw this.#stream.error(`the template nests expressions more than ${maxDepth} deep`);
    return { line, ...node, depth };
  }
}

type Depth = { readonly line: number; readonly depth: number };

const constantNames: ReadonlyMap<string, { readonly type: "Const"; readonly value: boolean | null }> =
  new Map([
    ["true", { type: "Const", value: true }],
    ["True", { type: "Const", value: true }],
    ["false", { type: "Const", value: false }],
    ["False", { type: "Const", value: false }],
    ["none", { type: "Const", value: null }],
    ["None", { type: "Const", value: null }],
  ]);

function expressionsOf(call: CallArguments): readonly (Expr | null)[] {
  return [...call.args, ...call.kwargs.map(({ value }) => value), call.dynArgs, call.dynKwargs];
}
