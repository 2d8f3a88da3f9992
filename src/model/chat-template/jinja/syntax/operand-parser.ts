/** @module Operands: literals, names, brackets, and the attributes, indexes and calls behind them. */
import { PyTuple } from "../values/values.ts";
import type { CallArguments, Expr, SliceExpr } from "./ast.ts";
import { argumentsOf } from "./static-checks.ts";
import { describeToken, type TokenStream } from "./token-stream.ts";
import { withDepth } from "./with-depth.ts";

/** Parses what stands in brackets. */
interface WholeExpressions {
  expression(): Expr;
  tuple(): Expr;
}

type Bounds = { readonly start: Expr | null; readonly stop: Expr | null; readonly step: Expr | null };

export class OperandParser {
  readonly #stream: TokenStream;
  readonly #whole: WholeExpressions;

  constructor(stream: TokenStream, whole: WholeExpressions) {
    this.#stream = stream;
    this.#whole = whole;
  }

  /** A literal, a name, or something in brackets. */
  primary(): Expr {
    const { current: token, line } = this.#stream;
    switch (token.type) {
      case "name":
        this.#stream.next();
        return this.#nameOrConstant(token.text, line);
      case "string":
        return withDepth({ type: "Const", value: this.#adjacentStrings(), line }, []);
      case "integer":
      case "float":
        this.#stream.next();
        return withDepth({ type: "Const", value: token.value, line }, []);
      default:
    }
    if (this.#stream.isOperator("(")) return this.#parenthesis();
    if (this.#stream.isOperator("[")) return this.#list();
    if (this.#stream.isOperator("{")) return this.#dict();
    throw this.#stream.error(`unexpected ${describeToken(token)}`);
  }

  #nameOrConstant(name: string, line: number): Expr {
    const value = constants.get(name);
    if (value === undefined) return withDepth({ type: "Name", name, line }, []);
    return withDepth({ type: "Const", value, line }, []);
  }

  #adjacentStrings(): string {
    let text = "";
    while (this.#stream.isType("string")) text += this.#stream.next().text;
    return text;
  }

  #parenthesis(): Expr {
    const { line } = this.#stream.next();
    if (this.#stream.skipOperator(")")) return withDepth({ type: "Const", value: new PyTuple([]), line }, []);
    const inner = this.#whole.tuple();
    this.#stream.expectOperator(")");
    return inner;
  }

  #list(): Expr {
    const { line } = this.#stream.next();
    const items = this.#commaSeparated("]", () => this.#whole.expression());
    return withDepth({ type: "List", items, line }, items);
  }

  #dict(): Expr {
    const { line } = this.#stream.next();
    const pairs = this.#commaSeparated("}", () => {
      const key = this.#whole.expression();
      this.#stream.expectOperator(":");
      return { key, value: this.#whole.expression() };
    });
    return withDepth(
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

  /** What may follow an operand: attributes, indexes and calls. */
  postfix(operand: Expr): Expr {
    let node = operand;
    for (;;) {
      if (this.#stream.isOperator(".")) node = this.#attribute(node);
      else if (this.#stream.isOperator("[")) node = this.#subscript(node);
      else if (this.#stream.isOperator("(")) node = this.call(node);
      else return node;
    }
  }

  #attribute(object: Expr): Expr {
    const { line } = this.#stream.next();
    const token = this.#stream.next();
    if (token.type === "name")
      return withDepth({ type: "Getattr", object, name: token.text, line }, [object]);
    if (token.type !== "integer")
      throw this.#stream.error("expected a name or a number after '.'", token.line);
    const index = withDepth({ type: "Const", value: token.value, line }, []);
    return withDepth({ type: "Getitem", object, index, line }, [object]);
  }

  #subscript(object: Expr): Expr {
    const { line } = this.#stream.next();
    const parts: (Expr | Bounds)[] = this.#commaSeparatedParts();
    const [first] = parts;
    if (first === undefined || parts.length > 1) return this.#tupleIndex(object, parts, line);
    if ("type" in first) return withDepth({ type: "Getitem", object, index: first, line }, [object, first]);
    const node: Omit<SliceExpr, "depth"> = { type: "Slice", object, ...first, line };
    return withDepth(node, [object, first.start, first.stop, first.step]);
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
    const index = withDepth({ type: "Tuple", items, line }, items);
    return withDepth({ type: "Getitem", object, index, line }, [object, index]);
  }

  #indexOrSlice(): Expr | Bounds {
    const start = this.#stream.isOperator(":") ? null : this.#whole.expression();
    if (start !== null && !this.#stream.isOperator(":")) return start;
    this.#stream.next();
    const stop = this.#stream.isOperator(":", "]", ",") ? null : this.#whole.expression();
    if (!this.#stream.skipOperator(":")) return { start, stop, step: null };
    return { start, stop, step: this.#stream.isOperator("]", ",") ? null : this.#whole.expression() };
  }

  call(callee: Expr): Expr {
    const { line } = this.#stream;
    const call = this.callArguments();
    return withDepth({ type: "Call", callee, line, ...call }, [callee, ...argumentsOf(call)]);
  }

  callArguments(): CallArguments {
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
        dynArgs = this.#whole.expression();
      } else if (this.#stream.skipOperator("**")) {
        ensure(dynKwargs === null);
        dynKwargs = this.#whole.expression();
      } else if (this.#stream.isType("name") && this.#isAssignment()) {
        ensure(dynKwargs === null);
        const key = this.#stream.next().text;
        ensure(kwargs.every((other) => other.key !== key));
        this.#stream.next();
        kwargs.push({ key, value: this.#whole.expression() });
      } else {
        ensure(dynArgs === null && dynKwargs === null && kwargs.length === 0);
        args.push(this.#whole.expression());
      }
    });
    return { args, kwargs, dynArgs, dynKwargs };
  }

  #isAssignment(): boolean {
    const { following } = this.#stream;
    return following.type === "operator" && following.text === "=";
  }

  /** The name of a filter or a test. */
  dottedName(): string {
    let name = this.#stream.expectType("name").text;
    while (this.#stream.skipOperator(".")) name += `.${this.#stream.expectType("name").text}`;
    return name;
  }
}

const constants: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);
