/** @module Expressions, in Jinja's order of precedence: if/else, or, and, not, comparisons, + -, ~, * / // %, **, signs. */
import type { BinaryOperator } from "../operations/arithmetic.ts";
import type { BinaryExpr, CallArguments, CompareExpr, CompareOperator, Expr, FilterExpr } from "./ast.ts";
import { OperandParser } from "./operand-parser.ts";
import { argumentsOf } from "./static-checks.ts";
import { describeToken, isNamed, type TokenStream } from "./token-stream.ts";
import { withDepth } from "./with-depth.ts";

const comparisons: Readonly<Record<string, CompareOperator>> = {
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  "<=": "lteq",
  ">": "gt",
  ">=": "gteq",
};

const noArguments: CallArguments = { args: [], kwargs: [], dynArgs: null, dynKwargs: null };

export class ExpressionParser {
  readonly #stream: TokenStream;
  readonly #operands: OperandParser;

  constructor(stream: TokenStream) {
    this.#stream = stream;
    this.#operands = new OperandParser(stream, this);
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
    return withDepth({ type: "Tuple", items, line }, items);
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
      const name = this.#operands.dottedName();
      const call = this.#stream.isOperator("(") ? this.#operands.callArguments() : noArguments;
      filter = withDepth({ type: "Filter", name, operand: filter ?? operand, line, ...call }, [
        filter ?? operand,
        ...argumentsOf(call),
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
      expr = withDepth({ type: "CondExpr", test, value: expr, otherwise, line }, [test, expr, otherwise]);
    }
    return expr;
  }

  #or(): Expr {
    let left = this.#and();
    while (this.#stream.isName("or")) {
      const { line } = this.#stream.next();
      const right = this.#and();
      left = withDepth({ type: "Or", left, right, line }, [left, right]);
    }
    return left;
  }

  #and(): Expr {
    let left = this.#not();
    while (this.#stream.isName("and")) {
      const { line } = this.#stream.next();
      const right = this.#not();
      left = withDepth({ type: "And", left, right, line }, [left, right]);
    }
    return left;
  }

  #not(): Expr {
    if (!this.#stream.isName("not")) return this.#comparison();
    const { line } = this.#stream.next();
    const operand = this.#stream.nested(() => this.#not());
    return withDepth({ type: "Not", operand, line }, [operand]);
  }

  #comparison(): Expr {
    const first = this.#sum();
    const rest: CompareExpr["rest"][number][] = [];
    const { line } = this.#stream;
    for (let operator = this.#comparisonOperator(); operator !== null; operator = this.#comparisonOperator())
      rest.push({ operator, operand: this.#sum() });
    if (rest.length === 0) return first;
    return withDepth({ type: "Compare", first, rest, line }, [first, ...rest.map(({ operand }) => operand)]);
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
    return withDepth({ type: "Concat", items, line }, items);
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
      left = withDepth(node, [left, right]);
    }
  }

  /** A sign binds closer than a filter: `-x | f` is `(-x) | f`. */
  #unary(withFilter = true): Expr {
    const node = this.#operands.postfix(this.#signed());
    return withFilter ? this.#filterOrTest(node) : node;
  }

  #signed(): Expr {
    if (!this.#stream.isOperator("-", "+")) return this.#operands.primary();
    const { text, line } = this.#stream.next();
    const operand = this.#stream.nested(() => this.#unary(false));
    return withDepth({ type: text === "-" ? "Neg" : "Pos", operand, line }, [operand]);
  }

  #filterOrTest(operand: Expr): Expr {
    let node = operand;
    for (;;) {
      if (this.#stream.isOperator("|")) node = this.filters(node) ?? node;
      else if (this.#stream.isName("is")) node = this.#test(node);
      else if (this.#stream.isOperator("(")) node = this.#operands.call(node);
      else return node;
    }
  }

  #test(operand: Expr): Expr {
    const { line } = this.#stream.next();
    const isNegated = this.#stream.skipName("not");
    const name = this.#operands.dottedName();
    const call = this.#stream.isOperator("(") ? this.#operands.callArguments() : this.#bareTestArgument();
    const test = withDepth({ type: "Test", name, operand, line, ...call }, [operand, ...argumentsOf(call)]);
    return isNegated ? withDepth({ type: "Not", operand: test, line }, [test]) : test;
  }

  /** `x is divisibleby 3`: one argument without brackets. */
  #bareTestArgument(): CallArguments {
    const { current } = this.#stream;
    const begins =
      ["name", "string", "integer", "float"].includes(current.type) || this.#stream.isOperator("[", "{");
    if (!begins || this.#stream.isName("else", "or", "and")) return noArguments;
    if (this.#stream.isName("is")) throw this.#stream.error("tests cannot be chained with 'is'");
    return { ...noArguments, args: [this.#operands.postfix(this.#operands.primary())] };
  }

  #isTupleEnd(endName?: string): boolean {
    const isEnd = this.#stream.isType("variable_end") || this.#stream.isType("block_end");
    return isEnd || this.#stream.isOperator(")") || (endName !== undefined && this.#stream.isName(endName));
  }
}
