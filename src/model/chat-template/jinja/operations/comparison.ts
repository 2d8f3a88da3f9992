/** @module `==`, `<`, `in` and truth. */

import { chargeScan, chargeSteps } from "../values/bounds.ts";
import { DictView, keyOf, PyDict } from "../values/dict.ts";
import { typeError } from "../values/errors.ts";
import { compareTexts } from "../values/text.ts";
import { Undefined } from "../values/undefined.ts";
import {
  isList,
  PyFloat,
  PyObject,
  PyRange,
  PyTuple,
  type PyValue,
  textOf,
  typeName,
} from "../values/values.ts";
import { iterate } from "./iteration.ts";

export function isTrue(value: PyValue): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return value !== "";
  if (value === null || value === 0) return false;
  if (isList(value)) return value.length > 0;
  if (!(value instanceof PyObject)) return true;
  if (value instanceof Undefined) return false;
  if (value instanceof PyDict) return value.size > 0;
  if (value instanceof PyTuple) return value.items.length > 0;
  if (value instanceof PyFloat) return value.value !== 0;
  if (value instanceof PyRange) return value.length > 0;
  if (value instanceof DictView) return value.dict.size > 0;
  return textOf(value) !== "";
}

export function equals(a: PyValue, b: PyValue): boolean {
  if (typeof a === "string" && typeof b === "string" && a.length === b.length) chargeScan(a);
  if (a === b) return true;
  const [x, y] = [numberOf(a), numberOf(b)];
  // biome-ignore lint/suspicious/noDoubleEquals: between a bigint and a number, == compares the values
  if (x !== null && y !== null) return x == y;
  if (typeof a === "string" && typeof b === "string") return false;
  const [s, t] = [textOf(a), textOf(b)];
  if (s !== null || t !== null) return s === t;
  if (isList(a)) return isList(b) && equalItems(a, b);
  if (a instanceof PyTuple) return b instanceof PyTuple && equalItems(a.items, b.items);
  if (a instanceof PyDict) return b instanceof PyDict && equalDicts(a, b);
  if (a instanceof PyRange) return b instanceof PyRange && equalRanges(a, b);
  return a instanceof Undefined && b instanceof Undefined;
}

/** An int, a float or a bool as a number; null for everything else. */
export function numberOf(value: PyValue): number | bigint | null {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return value instanceof PyFloat ? value.value : null;
}

function equalItems(a: readonly PyValue[], b: readonly PyValue[]): boolean {
  if (a.length !== b.length) return false;
  chargeSteps(a.length);
  return a.every((item, i) => equals(item, b[i] ?? null));
}

function equalDicts(a: PyDict, b: PyDict): boolean {
  if (a.size !== b.size) return false;
  chargeSteps(a.size);
  for (const [key, value] of a.entries()) {
    const other = b.get(key);
    if (other === undefined || !equals(value, other)) return false;
  }
  return true;
}

function equalRanges(a: PyRange, b: PyRange): boolean {
  if (a.length !== b.length) return false;
  if (a.length === 0) return true;
  return a.start === b.start && (a.length === 1 || a.step === b.step);
}

export type Ordering = "<" | "<=" | ">" | ">=";

/** Throws TypeError for values that have no order. */
export function ordered(operator: Ordering, a: PyValue, b: PyValue): boolean {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== null && y !== null) return holds(operator, x, y);
  const [s, t] = [textOf(a), textOf(b)];
  if (s !== null && t !== null) return holds(operator, compareTexts(s, t), 0);
  if (isList(a) && isList(b)) return orderedItems(operator, a, b);
  if (a instanceof PyTuple && b instanceof PyTuple) return orderedItems(operator, a.items, b.items);
  if (a instanceof Undefined) throw a.error();
  if (b instanceof Undefined) throw b.error();
  throw typeError(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

function orderedItems(operator: Ordering, a: readonly PyValue[], b: readonly PyValue[]): boolean {
  chargeSteps(Math.min(a.length, b.length));
  for (let i = 0; i < a.length && i < b.length; i += 1) {
    const [left, right] = [a[i] ?? null, b[i] ?? null];
    if (!equals(left, right)) return ordered(operator, left, right);
  }
  return holds(operator, a.length, b.length);
}

function holds(operator: Ordering, a: number | bigint, b: number | bigint): boolean {
  switch (operator) {
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
  }
}

/** `item in container`. Throws TypeError where that means nothing. */
export function contains(container: PyValue, item: PyValue): boolean {
  const text = textOf(container);
  if (text !== null) {
    const part = textOf(item);
    if (part === null)
      throw typeError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    chargeScan(text);
    return text.includes(part);
  }
  if (container instanceof PyDict) return container.has(item);
  if (container instanceof DictView && container.typeName === "dict_keys") {
    keyOf(item);
    return container.dict.has(item);
  }
  for (const other of iterate(container, "argument of type")) if (equals(other, item)) return true;
  return false;
}

/** `a is b`: the same object, or the same small value. */
export function isSame(a: PyValue, b: PyValue): boolean {
  return a === b;
}

/** Items in order, stable. `key` is called once for each. */
export function sorted(
  items: readonly PyValue[],
  key: (item: PyValue) => PyValue,
  reverse: boolean,
): readonly PyValue[] {
  chargeSteps(items.length * Math.ceil(Math.log2(items.length + 1)));
  const keyed = items.map((item, index) => ({ item, key: key(item), index }));
  keyed.sort((a, b) => {
    const order = ordered("<", a.key, b.key) ? -1 : ordered("<", b.key, a.key) ? 1 : 0;
    return order === 0 ? a.index - b.index : reverse ? -order : order;
  });
  return keyed.map(({ item }) => item);
}
