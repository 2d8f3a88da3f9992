/** @module `format(value, spec)`: the small language after the colon in `{:>10.2f}`. */

import { chargeText } from "../values/bounds.ts";
import { PythonError, typeError, valueError } from "../values/errors.ts";
import { formatMagnitude } from "../values/float-format.ts";
import { floatText } from "../values/float-text.ts";
import type { PyInt } from "../values/integers.ts";
import { repr, str } from "../values/printing.ts";
import { subtext, textLength } from "../values/text.ts";
import { PyFloat, type PyValue, textOf, typeName } from "../values/values.ts";

const pattern = /^(?:([\s\S])?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/u;

interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly isAlternate: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | null;
  readonly type: string;
  /** A sign or a place for one was stated. */
  readonly hasSign: boolean;
}

/** Throws ValueError or TypeError for a specification that the value's type does not have. */
export function formatValue(value: PyValue, spec: string): string {
  if (spec === "") return str(value);
  const text = textOf(value);
  if (text !== null) return formatText(text, readSpec(spec, value, "<"));
  if (value instanceof PyFloat) return formatDouble(value.value, readSpec(spec, value, ">"), "float");
  if (typeof value === "boolean") return formatInteger(value ? 1 : 0, readSpec(spec, value, ">"), "bool");
  if (typeof value === "number" || typeof value === "bigint")
    return formatInteger(value, readSpec(spec, value, ">"), "int");
  throw typeError(`unsupported format string passed to ${typeName(value)}.__format__`);
}

function readSpec(spec: string, value: PyValue, defaultAlign: string): Spec {
  const match = pattern.exec(spec);
  if (match === null)
    throw valueError(`Invalid format specifier '${spec}' for object of type '${typeName(value)}'`);
  const [, fill, align, sign, , alternate, zero, width, grouping, precision, type] = match;
  const isZeroPadded = zero !== undefined && align === undefined;
  const numbers = {
    width: Number(width ?? 0),
    precision: precision === undefined ? null : Number(precision),
  };
  chargeText(numbers.width + (numbers.precision ?? 0));
  return {
    fill: fill ?? (zero === undefined ? " " : "0"),
    align: align ?? (isZeroPadded && defaultAlign === ">" ? "=" : defaultAlign),
    sign: sign ?? "",
    isAlternate: alternate !== undefined,
    ...numbers,
    grouping: grouping ?? "",
    type: type ?? "",
    hasSign: sign !== undefined,
  };
}

function formatText(text: string, spec: Spec): string {
  if (spec.type !== "" && spec.type !== "s") throw unknownCode(spec.type, "str");
  if (spec.hasSign) throw valueError("Sign not allowed in string format specifier");
  if (spec.isAlternate) throw valueError("Alternate form (#) not allowed in string format specifier");
  if (spec.align === "=") throw valueError("'=' alignment not allowed in string format specifier");
  if (spec.grouping !== "") throw valueError(`Cannot specify '${spec.grouping}' with 's'.`);
  return aligned("", spec.precision === null ? text : subtext(text, 0, spec.precision), spec);
}

const bases: Readonly<Record<string, number>> = { b: 2, o: 8, x: 16, X: 16, d: 10, n: 10, "": 10 };

function formatInteger(value: PyInt, spec: Spec, type: string): string {
  if (/^[eEfFgG%]$/.test(spec.type)) return formatDouble(Number(value), spec, type);
  if (spec.precision !== null) throw valueError("Precision not allowed in integer format specifier");
  if (spec.type === "c")
    return aligned("", characterOf(value, spec), { ...spec, align: spec.align === ">" ? "<" : spec.align });
  const base = bases[spec.type];
  if (base === undefined) throw unknownCode(spec.type, type);
  if (spec.grouping === "," && base !== 10) throw valueError(`Cannot specify ',' with '${spec.type}'.`);
  const digits = (base === 10 ? repr(value) : value.toString(base)).replace("-", "");
  const shown = spec.type === "X" ? digits.toUpperCase() : digits;
  const prefix = spec.isAlternate && base !== 10 ? `0${spec.type}` : "";
  return number(value < 0, prefix, shown, "", base === 10 ? 3 : 4, spec);
}

function characterOf(value: PyInt, spec: Spec): string {
  if (spec.hasSign) throw valueError("Sign not allowed with integer format specifier 'c'");
  if (value < 0 || value > 0x10ffff) throw new PythonError("OverflowError", "%c arg not in range(0x110000)");
  return String.fromCodePoint(Number(value));
}

function formatDouble(value: number, spec: Spec, type: string): string {
  if (!/^[eEfFgGn%]?$/.test(spec.type)) throw unknownCode(spec.type, type);
  const magnitude = doubleMagnitude(spec.type === "%" ? value * 100 : value, spec);
  const [whole = "", rest = ""] = splitNumber(magnitude);
  return number(value < 0 || Object.is(value, -0), "", whole, rest + (spec.type === "%" ? "%" : ""), 3, spec);
}

function doubleMagnitude(value: number, { type, precision, isAlternate }: Spec): string {
  if (type === "" && precision === null) return floatText(Math.abs(value));
  if (type === "" || type === "n") return generalMagnitude(value, precision ?? 6, isAlternate, type === "");
  const kind = type === "%" ? "f" : (type as "e" | "f" | "g" | "E" | "F" | "G");
  return formatMagnitude(value, { type: kind, precision: precision ?? 6, keepsZeros: isAlternate });
}

/** Without a type, a float shows at least one digit after the point, unless it has an exponent. */
function generalMagnitude(
  value: number,
  precision: number,
  keepsZeros: boolean,
  showsPoint: boolean,
): string {
  const text = formatMagnitude(value, { type: "g", precision, keepsZeros });
  if (!showsPoint || !/^\d+$/.test(text)) return text;
  if (text.length < Math.max(1, precision)) return `${text}.0`;
  return formatMagnitude(value, { type: "e", precision: Math.max(1, precision) - 1, keepsZeros }).replace(
    /\.?0*(?=e)/,
    "",
  );
}

function splitNumber(text: string): readonly string[] {
  const [, whole = "", rest = ""] = /^(\d*)([\s\S]*)$/.exec(text) ?? [];
  return [whole, rest];
}

function number(
  isNegative: boolean,
  prefix: string,
  whole: string,
  rest: string,
  groupSize: number,
  spec: Spec,
): string {
  const sign = isNegative ? "-" : spec.sign === "-" ? "" : spec.sign;
  const head = sign + prefix;
  if (spec.grouping === "") return aligned(head, whole + rest, spec);
  let digits = whole;
  const isZeroFilled = spec.align === "=" && spec.fill === "0";
  const minimum = isZeroFilled ? spec.width - head.length - rest.length : 0;
  digits = digits.padStart(digitsToFill(minimum, groupSize), "0");
  return aligned(head, grouped(digits, groupSize, spec.grouping) + rest, spec);
}

/** The fewest digits that are, with a separator between groups, at least so long. */
function digitsToFill(length: number, groupSize: number): number {
  let numDigits = Math.max(0, length - Math.floor(length / (groupSize + 1)));
  while (numDigits > 0 && numDigits + Math.floor((numDigits - 1) / groupSize) < length) numDigits += 1;
  return numDigits;
}

function grouped(digits: string, size: number, separator: string): string {
  const first = digits.length % size || size;
  const groups = [digits.slice(0, first)];
  for (let at = first; at < digits.length; at += size) groups.push(digits.slice(at, at + size));
  return groups.join(separator);
}

function aligned(head: string, body: string, { fill, align, width }: Spec): string {
  const missing = width - head.length - textLength(body);
  if (missing <= 0) return head + body;
  switch (align) {
    case "<":
      return head + body + fill.repeat(missing);
    case "^":
      return fill.repeat(Math.floor(missing / 2)) + head + body + fill.repeat(Math.ceil(missing / 2));
    case "=":
      return head + fill.repeat(missing) + body;
    default:
      return fill.repeat(missing) + head + body;
  }
}

function unknownCode(code: string, type: string): PythonError {
  return valueError(`Unknown format code '${code}' for object of type '${type}'`);
}
