/** @module Values of JSON as Python's `json` reads them. */

import { numberTexts } from "../../../../core/json/numbers.ts";
import { PyDict } from "./dict.ts";
import { TemplateLimitError } from "./errors.ts";
import { integerFrom } from "./integers.ts";
import { PyFloat, PyObject, type PyValue } from "./values.ts";

/** Integers above this are taken for floats: JSON wrote them with an exponent, or rounding changed them already. */
const largestInteger = 1e21;

/**
 * A number is an `int` or a `float` by how it was written, where `parseJson` read it; elsewhere one without a fraction is an
 * `int`. A field without a value is left out. A PyValue stays what it is.
 */
export function fromJson(value: unknown): PyValue {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "bigint":
      return integerFrom(value);
    case "number":
      return fromNumber(value);
    default:
  }
  if (value === null || value === undefined) return null;
  if (value instanceof PyObject) return value;
  if (Array.isArray(value)) return fromArray(value);
  if (typeof value === "object") return fromObject(value);
  throw new TemplateLimitError(`a ${typeof value} is not a value of JSON`);
}

function fromNumber(value: number): PyValue {
  if (Number.isSafeInteger(value)) return value + 0;
  if (Number.isInteger(value) && Math.abs(value) < largestInteger) return integerFrom(BigInt(value));
  return new PyFloat(value);
}

function fromNumberText(text: string): PyValue {
  return /[.eE]/.test(text) ? new PyFloat(Number(text)) : integerFrom(BigInt(text));
}

function fromArray(items: readonly unknown[]): PyValue {
  const texts = numberTexts(items);
  if (texts === undefined) return items.map(fromJson);
  return items.map((item, i) => {
    const text = texts.get(String(i));
    return text === undefined ? fromJson(item) : fromNumberText(text);
  });
}

function fromObject(value: object): PyDict {
  const texts = numberTexts(value);
  const entries: [string, PyValue][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const text = texts?.get(key);
    entries.push([key, text === undefined ? fromJson(item) : fromNumberText(text)]);
  }
  return PyDict.ofTexts(entries);
}

/** UTF-16 units of all texts and names within a value. */
export function textUnitsIn(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 0;
  let numUnits = 0;
  if (Array.isArray(value)) for (const item of value) numUnits += textUnitsIn(item);
  else for (const [key, item] of Object.entries(value)) numUnits += key.length + textUnitsIn(item);
  return numUnits;
}
