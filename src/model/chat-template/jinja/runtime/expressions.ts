/** @module Evaluates expressions. */

import { binary, unary } from "../operations/arithmetic.ts";
import { contains, equals, isTrue, ordered } from "../operations/comparison.ts";
import { iterate, slice } from "../operations/iteration.ts";
import { escapeMarkup } from "../operations/markup.ts";
import type {
  CallArguments,
  CallExpr,
  CompareExpr,
  CompareOperator,
  CondExpr,
  DictExpr,
  Expr,
  FilterExpr,
  SliceExpr,
  TestExpr,
} from "../syntax/ast.ts";
import { chargeSteps } from "../values/bounds.ts";
import { keyOf, PyDict } from "../values/dict.ts";
import { PythonError, typeError } from "../values/errors.ts";
import { repr, str } from "../values/printing.ts";
import { joined } from "../values/text.ts";
import { Undefined } from "../values/undefined.ts";
import { type Kwargs, Markup, noKwargs, PyTuple, type PyValue, textOf } from "../values/values.ts";
import { attributeOf, callValue, itemOf } from "./attributes.ts";
import type { Operation, RenderEnvironment } from "./environment.ts";
import { filters } from "./filters.ts";
import type { Scope } from "./scope.ts";
import { tests } from "./tests.ts";

export class ExpressionEvaluator implements RenderEnvironment {
  autoescape = false;

  evaluate(expr: Expr, scope: Scope): PyValue {
    chargeSteps(1);
    switch (expr.type) {
      case "Const":
        return expr.value;
      case "Name":
        return scope.get(expr.name);
      case "Getattr":
        return attributeOf(this.evaluate(expr.object, scope), expr.name);
      case "Getitem":
        return itemOf(this.evaluate(expr.object, scope), this.evaluate(expr.index, scope));
      case "Compare":
        return this.#compare(expr, scope);
      case "And": {
        const left = this.evaluate(expr.left, scope);
        return isTrue(left) ? this.evaluate(expr.right, scope) : left;
      }
      case "Or": {
        const left = this.evaluate(expr.left, scope);
        return isTrue(left) ? left : this.evaluate(expr.right, scope);
      }
      case "Not":
        return !isTrue(this.evaluate(expr.operand, scope));
      case "Test":
        return this.#test(expr, scope);
      case "Filter":
        return this.filter(expr, scope, null);
      case "Call":
        return this.call(expr, scope);
      case "CondExpr":
        return this.#condition(expr, scope);
      case "Binary":
        return binary(expr.operator, this.evaluate(expr.left, scope), this.evaluate(expr.right, scope));
      case "Concat":
        return this.#concatenation(expr.items.map((item) => this.evaluate(item, scope)));
      case "Neg":
        return unary("-", this.evaluate(expr.operand, scope));
      case "Pos":
        return unary("+", this.evaluate(expr.operand, scope));
      case "Tuple":
        return new PyTuple(expr.items.map((item) => this.evaluate(item, scope)));
      case "List":
        return expr.items.map((item) => this.evaluate(item, scope));
      case "Dict":
        return this.#dict(expr, scope);
      case "Slice":
        return this.#slice(expr, scope);
    }
  }

  /** `text` is the block's, for the first filter of a filter block. */
  filter(expr: FilterExpr, scope: Scope, text: string | null): PyValue {
    const { operand } = expr;
    const value = operand === null ? this.#blockText(text) : this.#filtered(operand, scope, text);
    const [args, kwargs] = this.#arguments(expr, scope);
    return this.applyFilter(expr.name, value, args, kwargs);
  }

  #filtered(operand: Expr, scope: Scope, text: string | null): PyValue {
    return operand.type === "Filter" && text !== null
      ? this.filter(operand, scope, text)
      : this.evaluate(operand, scope);
  }

  #blockText(text: string | null): PyValue {
    const value = text ?? "";
    return this.autoescape ? new Markup(value) : value;
  }

  call(expr: CallExpr, scope: Scope, extra: Kwargs = noKwargs): PyValue {
    const callee = this.evaluate(expr.callee, scope);
    const [args, kwargs] = this.#arguments(expr, scope);
    return callValue(callee, args, extra.size === 0 ? kwargs : new Map([...kwargs, ...extra]));
  }

  applyFilter(name: PyValue, value: PyValue, args: readonly PyValue[], kwargs: Kwargs): PyValue {
    return operationNamed(filters, "filter", name)(this, [value, ...args], kwargs);
  }

  applyTest(name: PyValue, value: PyValue, args: readonly PyValue[], kwargs: Kwargs): PyValue {
    return operationNamed(tests, "test", name)(this, [value, ...args], kwargs);
  }

  hasFilter(name: PyValue): boolean {
    keyOf(name);
    return Object.hasOwn(filters, textOf(name) ?? "");
  }

  hasTest(name: PyValue): boolean {
    keyOf(name);
    return Object.hasOwn(tests, textOf(name) ?? "");
  }

  #test(expr: TestExpr, scope: Scope): PyValue {
    const value = this.evaluate(expr.operand, scope);
    const [args, kwargs] = this.#arguments(expr, scope);
    return this.applyTest(expr.name, value, args, kwargs);
  }

  #condition(expr: CondExpr, scope: Scope): PyValue {
    if (isTrue(this.evaluate(expr.test, scope))) return this.evaluate(expr.value, scope);
    if (expr.otherwise !== null) return this.evaluate(expr.otherwise, scope);
    const { line } = expr;
    return new Undefined(
      () => `the inline if-expression on line ${line} evaluated to false and no else section was defined.`,
    );
  }

  #compare(expr: CompareExpr, scope: Scope): PyValue {
    let left = this.evaluate(expr.first, scope);
    for (const { operator, operand } of expr.rest) {
      const right = this.evaluate(operand, scope);
      if (!compared(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #concatenation(values: readonly PyValue[]): PyValue {
    if (this.autoescape && values.some((value) => value instanceof Markup))
      return new Markup(values.map((value) => escapeMarkup(value).text).reduce(joined, ""));
    return values.map(str).reduce(joined, "");
  }

  #dict(expr: DictExpr, scope: Scope): PyDict {
    return new PyDict(
      expr.pairs.map(({ key, value }) => [this.evaluate(key, scope), this.evaluate(value, scope)]),
    );
  }

  #slice({ object, start, stop, step }: SliceExpr, scope: Scope): PyValue {
    const value = this.evaluate(object, scope);
    const bound = (expr: Expr | null): PyValue => (expr === null ? null : this.evaluate(expr, scope));
    return slice(value, bound(start), bound(stop), bound(step));
  }

  #arguments(call: CallArguments, scope: Scope): readonly [args: readonly PyValue[], kwargs: Kwargs] {
    const args = call.args.map((arg) => this.evaluate(arg, scope));
    if (call.dynArgs !== null) args.push(...iterate(this.evaluate(call.dynArgs, scope)));
    if (call.kwargs.length === 0 && call.dynKwargs === null) return [args, noKwargs];
    const kwargs = new Map<string, PyValue>();
    for (const { key, value } of call.kwargs) kwargs.set(key, this.evaluate(value, scope));
    if (call.dynKwargs !== null) addMapping(kwargs, this.evaluate(call.dynKwargs, scope));
    return [args, kwargs];
  }
}

function addMapping(kwargs: Map<string, PyValue>, mapping: PyValue): void {
  if (!(mapping instanceof PyDict)) throw typeError("argument after ** must be a mapping");
  for (const [key, value] of mapping.entries()) {
    const name = textOf(key);
    if (name === null) throw typeError("keywords must be strings");
    if (kwargs.has(name)) throw typeError(`got multiple values for keyword argument '${name}'`);
    kwargs.set(name, value);
  }
}

function compared(operator: CompareOperator, left: PyValue, right: PyValue): boolean {
  switch (operator) {
    case "eq":
      return equals(left, right);
    case "ne":
      return !equals(left, right);
    case "lt":
      return ordered("<", left, right);
    case "lteq":
      return ordered("<=", left, right);
    case "gt":
      return ordered(">", left, right);
    case "gteq":
      return ordered(">=", left, right);
    case "in":
      return contains(right, left);
    case "notin":
      return !contains(right, left);
  }
}

function operationNamed(
  table: Readonly<Record<string, Operation>>,
  kind: "filter" | "test",
  name: PyValue,
): Operation {
  const text = textOf(name);
  const found = text !== null && Object.hasOwn(table, text) ? table[text] : undefined;
  if (found === undefined) throw new PythonError("TemplateRuntimeError", `No ${kind} named ${repr(name)}.`);
  return found;
}
