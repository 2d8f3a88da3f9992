/** @module `"…%s…" % values`. */

import { chargeText } from "../values/bounds.ts";
import { PyDict } from "../values/dict.ts";
import { PythonError, typeError, valueError } from "../values/errors.ts";
import { formatMagnitude } from "../values/float-format.ts";
import type { PyInt } from "../values/integers.ts";
import { repr, str } from "../values/printing.ts";
import { subtext, textLength } from "../values/text.ts";
import { Undefined } from "../values/undefined.ts";
import {
  isList,
  type Markup,
  PyFloat,
  PyRange,
  PyTuple,
  type PyValue,
  textOf,
  typeName,
} from "../values/values.ts";
import { numberOf } from "./comparison.ts";
import { toDouble, truncated } from "./conversions.ts";

const specifier =
  /%(?:\(([^()]*(?:\([^()]*\)[^()]*)*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]?([\s\S])?/gu;

interface Specifier {
  readonly flags: string;
  readonly width: number;
  /** null where none is stated. */
  readonly precision: number | null;
  readonly conversion: string;
}

type Escape = (value: PyValue) => Markup;

/** `escapeValue` is Markup's: what `%s` and its kin write is escaped. Throws TypeError and ValueError as Python does. */
export function percentFormat(format: string, values: PyValue, escapeValue?: Escape): string {
  const args = new FormatArguments(values);
  const text = format.replaceAll(specifier, (whole, key, flags, width, precision, conversion, at) => {
    if (conversion === undefined) throw valueError("incomplete format");
    if (conversion === "%" && whole === "%%") return "%";
    const keyed: PyValue | undefined = key === undefined ? undefined : args.named(key);
    const spec = readSpecifier(flags, width, precision, conversion, args);
    if (conversion === "%") return "%";
    const value = keyed === undefined ? args.next() : keyed;
    return padded(converted(spec, value, at, escapeValue), spec);
  });
  args.assertUsed();
  chargeText(text.length);
  return text;
}

/** What is formatted: the items of a tuple, one value, or the values of a mapping by name. */
class FormatArguments {
  readonly #values: PyValue;
  #numUsed = 0;

  constructor(values: PyValue) {
    this.#values = values;
  }

  next(): PyValue {
    const items = this.#values instanceof PyTuple ? this.#values.items : [this.#values];
    const item = items[this.#numUsed];
    if (item === undefined) throw typeError("not enough arguments for format string");
    this.#numUsed += 1;
    return item;
  }

  named(key: string): PyValue {
    if (this.#values instanceof Undefined) throw this.#values.error();
    if (!(this.#values instanceof PyDict)) throw typeError("format requires a mapping");
    this.#numUsed = 1;
    const value = this.#values.get(key);
    if (value === undefined) throw new PythonError("KeyError", repr(key));
    return value;
  }

  assertUsed(): void {
    const isMapping =
      isList(this.#values) || [PyDict, PyRange, Undefined].some((type) => this.#values instanceof type);
    const numItems = this.#values instanceof PyTuple ? this.#values.items.length : isMapping ? 0 : 1;
    if (this.#numUsed < numItems) throw typeError("not all arguments converted during string formatting");
  }
}

function readSpecifier(
  flags: string,
  width: string | undefined,
  precision: string | undefined,
  conversion: string,
  args: FormatArguments,
): Specifier {
  const stated = width === "*" ? starred(args) : Number(width ?? 0);
  const digits = precision === undefined ? null : precision === "*" ? starred(args) : Number(precision);
  chargeText(Math.abs(stated) + Math.abs(digits ?? 0));
  return {
    flags: stated < 0 ? `${flags}-` : flags,
    width: Math.abs(stated),
    precision: digits === null ? null : Math.max(0, digits),
    conversion,
  };
}

function starred(args: FormatArguments): number {
  const value = args.next();
  if (typeof value !== "number" && typeof value !== "boolean") throw typeError("* wants int");
  return Number(value);
}

function converted(spec: Specifier, value: PyValue, at: number, escapeValue?: Escape): string {
  const { conversion, precision } = spec;
  switch (conversion) {
    case "s":
    case "r":
    case "a": {
      const text = conversion === "s" ? str(value) : repr(value);
      const shown = conversion === "a" ? asciiOnly(text) : text;
      const full = escapeValue === undefined ? shown : escapeValue(conversion === "s" ? value : shown).text;
      return precision === null ? full : subtext(full, 0, precision);
    }
    case "c":
      return characterOf(value);
    case "d":
    case "i":
    case "u":
      return signed(spec, decimalOf(value, conversion), 10, "");
    case "o":
      return signed(spec, integerOf(value, conversion), 8, "0o");
    case "x":
      return signed(spec, integerOf(value, conversion), 16, "0x");
    case "X":
      return signed(spec, integerOf(value, conversion), 16, "0X").toUpperCase();
    default:
  }
  if (!/[eEfFgG]/.test(conversion))
    throw valueError(
      `unsupported format character '${conversion}' (0x${conversion.codePointAt(0)?.toString(16)}) at index ${at + 1}`,
    );
  return floatOf(spec, value);
}

function floatOf(spec: Specifier, value: PyValue): string {
  if (textOf(value) !== null || (numberOf(value) === null && !(value instanceof Undefined)))
    throw typeError(`must be real number, not ${typeName(value)}`);
  const double = toDouble(value);
  const type = spec.conversion as "e" | "f" | "g" | "E" | "F" | "G";
  const magnitude = formatMagnitude(double, {
    type,
    precision: spec.precision ?? 6,
    keepsZeros: spec.flags.includes("#"),
  });
  return withSign(spec, double < 0 || Object.is(double, -0), magnitude);
}

function decimalOf(value: PyValue, conversion: string): PyInt {
  if (value instanceof PyFloat) return truncated(value.value);
  const number = numberOf(value);
  if (number !== null) return number;
  if (value instanceof Undefined) throw value.error();
  throw typeError(`%${conversion} format: a real number is required, not ${typeName(value)}`);
}

function integerOf(value: PyValue, conversion: string): PyInt {
  const number = value instanceof PyFloat ? null : numberOf(value);
  if (number === null)
    throw typeError(`%${conversion} format: an integer is required, not ${typeName(value)}`);
  return number;
}

function characterOf(value: PyValue): string {
  const text = textOf(value);
  if (text !== null && textLength(text) === 1) return text;
  if (typeof value === "boolean") return String.fromCodePoint(Number(value));
  if (typeof value !== "number") throw typeError("%c requires int or char");
  if (value < 0 || value > 0x10ffff) throw new PythonError("OverflowError", "%c arg not in range(0x110000)");
  return String.fromCodePoint(value);
}

function signed(spec: Specifier, value: PyInt, base: number, prefix: string): string {
  const digits = (base === 10 ? repr(value) : value.toString(base)).replace("-", "");
  const shown = digits.padStart(spec.precision ?? 0, "0");
  return withSign(spec, value < 0, (spec.flags.includes("#") ? prefix : "") + shown);
}

function withSign({ flags }: Specifier, isNegative: boolean, magnitude: string): string {
  const sign = isNegative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  return sign + magnitude;
}

function padded(text: string, { flags, width, conversion }: Specifier): string {
  const missing = width - textLength(text);
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0") || !/[diouxXeEfFgG]/.test(conversion)) return " ".repeat(missing) + text;
  const [head = ""] = /^[-+ ]?(?:0[xXoO])?/.exec(text) ?? [];
  return head + "0".repeat(missing) + text.slice(head.length);
}

/** `ascii()`: a repr whose other characters are escapes. */
export function asciiOnly(text: string): string {
  return text.replaceAll(/\P{ASCII}/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16)}`;
    return code < 0x10000
      ? `\\u${code.toString(16).padStart(4, "0")}`
      : `\\U${code.toString(16).padStart(8, "0")}`;
  });
}
