/** @module Jinja's tests, for `is` and `select`. */
import { binary } from "../operations/arithmetic.ts";
import { contains, equals, isSame, numberOf, type Ordering, ordered } from "../operations/comparison.ts";
import { isIterable } from "../operations/iteration.ts";
import { textQuestions } from "../strings/text-case.ts";
import { PyDict } from "../values/dict.ts";
import { str } from "../values/printing.ts";
import { Undefined } from "../values/undefined.ts";
import {
  isList,
  Markup,
  PyFloat,
  PyObject,
  PyRange,
  PyTuple,
  type PyValue,
  textOf,
} from "../values/values.ts";
import { type Operation, type OperationTable, operation } from "./environment.ts";

const isInteger = (value: PyValue): boolean => typeof value === "number" || typeof value === "bigint";

export const tests: OperationTable = {
  odd: question("odd", (value) => equals(binary("%", value, 2), 1)),
  even: question("even", (value) => equals(binary("%", value, 2), 0)),
  divisibleby: operation("divisibleby", [["value"], ["num"]], ([value = null, by = null]) =>
    equals(binary("%", value, by), 0),
  ),
  defined: question("defined", (value) => !(value instanceof Undefined)),
  undefined: question("undefined", (value) => value instanceof Undefined),
  filter: operation("filter", [["value"]], ([name = null], environment) => environment.hasFilter(name)),
  test: operation("test", [["value"]], ([name = null], environment) => environment.hasTest(name)),
  none: question("none", (value) => value === null),
  boolean: question("boolean", (value) => typeof value === "boolean"),
  false: question("false", (value) => value === false),
  true: question("true", (value) => value === true),
  integer: question("integer", isInteger),
  float: question("float", (value) => value instanceof PyFloat),
  lower: question("lower", (value) => textQuestions.islower?.(str(value)) ?? false),
  upper: question("upper", (value) => textQuestions.isupper?.(str(value)) ?? false),
  string: question("string", (value) => textOf(value) !== null),
  mapping: question("mapping", (value) => value instanceof PyDict),
  number: question("number", (value) => numberOf(value) !== null),
  sequence: question("sequence", isSequence),
  iterable: question("iterable", (value) => isIterable(value) || hasMember(value, "next")),
  callable: question("callable", (value) => value instanceof Undefined || hasMember(value, "call")),
  sameas: operation("sameas", [["value"], ["other"]], ([value = null, other = null]) => isSame(value, other)),
  escaped: question("escaped", (value) => value instanceof Markup),
  in: operation("in", [["value"], ["seq"]], ([value = null, container = null]) => contains(container, value)),
  ...named(["==", "eq", "equalto"], (a, b) => equals(a, b)),
  ...named(["!=", "ne"], (a, b) => !equals(a, b)),
  ...ordering(">", ["gt", "greaterthan"]),
  ...ordering(">=", ["ge"]),
  ...ordering("<", ["lt", "lessthan"]),
  ...ordering("<=", ["le"]),
};

function question(name: string, holds: (value: PyValue) => boolean): Operation {
  return operation(name, [["value"]], ([value = null]) => holds(value));
}

function named(names: readonly string[], holds: (a: PyValue, b: PyValue) => boolean): OperationTable {
  const test = operation(names.at(-1) ?? "", [["a"], ["b"]], ([a = null, b = null]) => holds(a, b));
  return Object.fromEntries(names.map((name) => [name, test]));
}

function ordering(operator: Ordering, names: readonly string[]): OperationTable {
  return named([operator, ...names], (a, b) => ordered(operator, a, b));
}

/** Whether it has a length and items by index or key. */
function isSequence(value: PyValue): boolean {
  if (isList(value) || textOf(value) !== null) return true;
  return [PyTuple, PyDict, PyRange, Undefined].some((type) => value instanceof type);
}

function hasMember(value: PyValue, name: "call" | "next"): boolean {
  return value instanceof PyObject && name in value;
}
