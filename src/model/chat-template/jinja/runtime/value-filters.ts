/** @module Filters over single values: numbers, defaults, attributes, JSON. */

import { requireIndex } from "../operations/arguments.ts";
import { binary, repeatText } from "../operations/arithmetic.ts";
import { isTrue, numberOf, sorted } from "../operations/comparison.ts";
import { toDouble, toInt, truncated } from "../operations/conversions.ts";
import { iterate } from "../operations/iteration.ts";
import { type JsonFormat, jsonText } from "../operations/json.ts";
import { PyDict } from "../values/dict.ts";
import { isPythonError, PythonError, TemplateLimitError, typeError } from "../values/errors.ts";
import { roundedDouble, roundedQuotient } from "../values/float-format.ts";
import { integerFrom, type PyInt, powerOfIntegers } from "../values/integers.ts";
import { repr, str } from "../values/printing.ts";
import { textLength } from "../values/text.ts";
import { Undefined } from "../values/undefined.ts";
import { isList, PyFloat, PyTuple, type PyValue, textOf, typeName } from "../values/values.ts";
import { onlyAttributeOf } from "./attributes.ts";
import { type Operation, type OperationTable, operation } from "./environment.ts";

const defaultFilter = operation(
  "default",
  [["value"], ["default_value", ""], ["boolean", false]],
  ([value = null, fallback = null, byTruth = null]) =>
    value instanceof Undefined || (isTrue(byTruth) && !isTrue(value)) ? fallback : value,
);

export const valueFilters: OperationTable = {
  default: defaultFilter,
  d: defaultFilter,
  abs: operation("abs", [["x"]], ([value = null]) => absolute(value)),
  attr: operation("attr", [["obj"], ["name"]], ([value = null, name = null]) =>
    onlyAttributeOf(value, str(name)),
  ),
  float: operation("float", [["value"], ["default", new PyFloat(0)]], ([value = null, fallback = null]) =>
    orElse(() => new PyFloat(toDouble(value)), fallback),
  ),
  int: operation(
    "int",
    [["value"], ["default", 0], ["base", 10]],
    ([value = null, fallback = null, base = null]) => {
      try {
        return toInt(value, requireIndex(base));
      } catch (cause) {
        if (!isPythonError(cause, "TypeError", "ValueError")) throw cause;
        return orElse(() => truncated(toDouble(value)), fallback, "OverflowError");
      }
    },
  ),
  round: operation(
    "round",
    [["value"], ["precision", 0], ["method", "common"]],
    ([value = null, precision = null, method = null]) => rounded(value, precision, method),
  ),
  tojson: operation(
    "tojson",
    [["x"], ["ensure_ascii", false], ["indent", null], ["separators", null], ["sort_keys", false]],
    ([value = null, ...options]) => jsonText(value, jsonFormat(options)),
  ),
  pprint: operation("pprint", [["value"]], ([value = null]) => prettyPrinted(value)),
  urlize: unsupported("urlize"),
  wordwrap: unsupported("wordwrap"),
};

function orElse(convert: () => PyValue, fallback: PyValue, ...others: readonly "OverflowError"[]): PyValue {
  try {
    return convert();
  } catch (cause) {
    if (!isPythonError(cause, "TypeError", "ValueError", ...others)) throw cause;
    return fallback;
  }
}

function absolute(value: PyValue): PyValue {
  if (value instanceof PyFloat) return new PyFloat(Math.abs(value.value));
  const number = numberOf(value);
  if (number === null) throw typeError(`bad operand type for abs(): '${typeName(value)}'`);
  return number < 0 ? integerFrom(-BigInt(number)) : number;
}

function rounded(value: PyValue, precision: PyValue, method: PyValue): PyValue {
  if (method !== "common" && method !== "ceil" && method !== "floor")
    throw new PythonError("FilterArgumentError", "method must be common, ceil or floor");
  const number = numberOf(value);
  if (method === "common") {
    if (number === null) throw typeError(`type ${typeName(value)} doesn't define __round__ method`);
    const digits = precision === null ? 0 : requireIndex(precision);
    if (!(value instanceof PyFloat)) return roundedInteger(number, digits);
    return precision === null
      ? truncated(roundedDouble(value.value, 0))
      : new PyFloat(roundedDouble(value.value, digits));
  }
  const scale = binary("**", 10, precision);
  const scaled = binary("*", value, scale);
  const scaledNumber = numberOf(scaled);
  if (scaledNumber === null) throw typeError(`must be real number, not ${typeName(scaled)}`);
  if (!(scaled instanceof PyFloat)) return binary("/", scaled, scale);
  const whole = method === "ceil" ? Math.ceil(scaled.value) : Math.floor(scaled.value);
  return binary("/", truncated(whole), scale);
}

function roundedInteger(value: PyInt, digits: number): PyInt {
  if (digits >= 0) return value;
  const scale = BigInt(powerOfIntegers(10, -digits));
  const magnitude = roundedQuotient(BigInt(value < 0 ? -BigInt(value) : value), scale) * scale;
  return integerFrom(value < 0 ? -magnitude : magnitude);
}

function jsonFormat(options: readonly PyValue[]): JsonFormat {
  const [ensureAscii = null, indent = null, separators = null, sortKeys = null] = options;
  const pair = separators === null ? null : [...iterate(separators)].map(separator);
  if (pair !== null && pair.length !== 2)
    throw new PythonError("ValueError", `expected 2 separators, got ${pair.length}`);
  return {
    ensureAscii: isTrue(ensureAscii),
    indent: indent === null ? null : (textOf(indent) ?? repeatText(" ", requireIndex(indent))),
    itemSeparator: pair?.[0] ?? (indent === null ? ", " : ","),
    keySeparator: pair?.[1] ?? ": ",
    sortKeys: isTrue(sortKeys),
  };
}

function separator(value: PyValue): string {
  const text = textOf(value);
  if (text === null) throw typeError(`separators must be str, not ${typeName(value)}`);
  return text;
}

/** Python's `pprint` as far as it stays on one line. */
function prettyPrinted(value: PyValue): string {
  const text = repr(withSortedKeys(value));
  if (textLength(text) <= 80) return text;
  throw new TemplateLimitError("the filter 'pprint' is not supported for values of more than one line");
}

/** `pprint` writes dictionaries in the order of their keys. */
function withSortedKeys(value: PyValue): PyValue {
  if (isList(value)) return value.map(withSortedKeys);
  if (value instanceof PyTuple) return new PyTuple(value.items.map(withSortedKeys));
  if (!(value instanceof PyDict)) return value;
  const entries = [...value.entries()].map(([key, item]) => [key, withSortedKeys(item)]);
  return new PyDict(
    sorted(entries, (entry) => (isList(entry) ? (entry[0] ?? null) : null), false).map((entry) =>
      isList(entry) ? [entry[0] ?? null, entry[1] ?? null] : [null, null],
    ),
  );
}

function unsupported(name: string): Operation {
  return () => {
    throw new TemplateLimitError(`the filter '${name}' is not supported`);
  };
}
