/** @module `int()` and `float()` of values. */
import { PythonError, typeError, valueError } from "../values/errors.ts";
import { integerFrom, integerFromDouble, type PyInt } from "../values/integers.ts";
import { maxIntegerDigits, repr } from "../values/printing.ts";
import { Undefined } from "../values/undefined.ts";
import { PyFloat, type PyValue, textOf, typeName } from "../values/values.ts";
import { trimmedEnd, trimmedStart } from "../values/white-space.ts";

/** Throws TypeError, ValueError or OverflowError as Python's `int` does. */
export function toInt(value: PyValue, base = 10): PyInt {
  const text = textOf(value);
  if (text !== null) return parseInteger(text, base);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (value instanceof PyFloat) return truncated(value.value);
  if (value instanceof Undefined) throw value.error();
  throw typeError(
    `int() argument must be a string, a bytes-like object or a real number, not '${typeName(value)}'`,
  );
}

export function truncated(value: number): PyInt {
  if (Number.isNaN(value)) throw valueError("cannot convert float NaN to integer");
  if (!Number.isFinite(value))
    throw new PythonError("OverflowError", "cannot convert float infinity to integer");
  return integerFromDouble(Math.trunc(value));
}

/** Throws TypeError or ValueError as Python's `float` does. */
export function toDouble(value: PyValue): number {
  const text = textOf(value);
  if (text !== null) return parseDouble(text);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof PyFloat) return value.value;
  if (value instanceof Undefined) throw value.error();
  if (typeof value !== "number" && typeof value !== "bigint")
    throw typeError(`float() argument must be a string or a real number, not '${typeName(value)}'`);
  const double = Number(value);
  if (!Number.isFinite(double)) throw new PythonError("OverflowError", "int too large to convert to float");
  return double;
}

const prefixes: Readonly<Record<number, RegExp>> = { 2: /^0b_?/i, 8: /^0o_?/i, 16: /^0x_?/i };

function parseInteger(text: string, base: number): PyInt {
  if (base !== 0 && (base < 2 || base > 36)) throw valueError("int() base must be >= 2 and <= 36, or 0");
  const trimmed = trimmedStart(trimmedEnd(text));
  const sign = trimmed.startsWith("-") ? -1n : 1n;
  const unsigned = trimmed.replace(/^[-+]/, "");
  const found = base === 0 ? detectedBase(unsigned) : base;
  const digits = unsigned.replace(prefixes[found] ?? /^(?!)/, "");
  if (!/^[0-9a-z]+(?:_[0-9a-z]+)*$/i.test(digits)) throw notAnInteger(text, base);
  if (digits.length > maxIntegerDigits && !(found in prefixes))
    throw valueError(`Exceeds the limit (${maxIntegerDigits} digits) for integer string conversion`);
  let value = 0n;
  for (const digit of digits.replaceAll("_", "")) {
    const number = Number.parseInt(digit, 36);
    if (number >= found) throw notAnInteger(text, base);
    value = BigInt(integerFrom(value * BigInt(found) + BigInt(number)));
  }
  if (base === 0 && found === 10 && /^0+[1-9]/.test(digits)) throw notAnInteger(text, base);
  return integerFrom(sign * value);
}

function detectedBase(digits: string): number {
  return Number(Object.keys(prefixes).find((base) => prefixes[Number(base)]?.test(digits)) ?? 10);
}

function notAnInteger(text: string, base: number): PythonError {
  return valueError(`invalid literal for int() with base ${base}: ${repr(text)}`);
}

function parseDouble(text: string): number {
  const trimmed = trimmedStart(trimmedEnd(text));
  const special = /^([-+]?)(inf|infinity|nan)$/i.exec(trimmed);
  if (special !== null)
    return (
      (special[2]?.toLowerCase() === "nan" ? Number.NaN : Number.POSITIVE_INFINITY) *
      (special[1] === "-" ? -1 : 1)
    );
  if (!/^[-+]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[-+]?\d+(?:_\d+)*)?$/i.test(trimmed))
    throw valueError(`could not convert string to float: ${repr(text)}`);
  return Number(trimmed.replaceAll("_", ""));
}
