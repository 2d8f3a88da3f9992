/** @module `str()` and `repr()`. */

import { chargeSteps, chargeText } from "./bounds.ts";
import { DictView, PyDict } from "./dict.ts";
import { valueError } from "./errors.ts";
import { floatText } from "./float-text.ts";
import { Undefined } from "./undefined.ts";
import {
  BuiltinFunction,
  hasRepr,
  isList,
  Markup,
  PyFloat,
  PyIterator,
  type PyObject,
  PyRange,
  PyTuple,
  type PyValue,
} from "./values.ts";

/** Python refuses to print and to read longer integers. */
export const maxIntegerDigits = 4300;

export function str(value: PyValue): string {
  if (typeof value === "string") return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) return "";
  return repr(value);
}

export function repr(value: PyValue): string {
  chargeSteps(1);
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "boolean":
      return value ? "True" : "False";
    case "number":
      return String(value);
    case "bigint":
      return bigintText(value);
    default:
  }
  if (value === null) return "None";
  if (isList(value)) return `[${reprs(value)}]`;
  return objectRepr(value);
}

function objectRepr(value: PyObject): string {
  if (value instanceof PyFloat) return floatText(value.value);
  if (value instanceof Markup) return `Markup(${quoted(value.text)})`;
  if (value instanceof PyTuple)
    return value.items.length === 1 ? `(${reprs(value.items)},)` : `(${reprs(value.items)})`;
  if (value instanceof PyDict) return dictRepr(value);
  if (value instanceof DictView) return `${value.typeName}([${reprs([...value.items()])}])`;
  if (value instanceof PyRange) return rangeRepr(value);
  if (value instanceof Undefined) return "Undefined";
  if (hasRepr(value)) return value.repr();
  if (value instanceof BuiltinFunction) return `<built-in method ${value.name}>`;
  if (value instanceof PyIterator) return `<${value.typeName} object>`;
  return `<${value.typeName} object>`;
}

function reprs(items: readonly PyValue[]): string {
  return items.map(repr).join(", ");
}

function dictRepr(dict: PyDict): string {
  return `{${[...dict.entries()].map(([key, value]) => `${repr(key)}: ${repr(value)}`).join(", ")}}`;
}

function rangeRepr({ start, stop, step }: PyRange): string {
  return step === 1 ? `range(${start}, ${stop})` : `range(${start}, ${stop}, ${step})`;
}

function bigintText(value: bigint): string {
  const text = value.toString();
  if (text.length > maxIntegerDigits + (value < 0n ? 1 : 0))
    throw valueError(`Exceeds the limit (${maxIntegerDigits} digits) for integer string conversion`);
  return text;
}

const namedEscapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};
/** What Python writes as an escape: controls, separators but the blank, formats, surrogates, private and unassigned. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}\p{Zs}]/u;

/** Single quotes, unless only those are within. */
function quoted(text: string): string {
  chargeText(text.length);
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  if (/^[\x20-\x26\x28-\x5b\x5d-\x7e]*$/.test(text)) return quote + text + quote;
  let body = "";
  for (const character of text) body += escapedCharacter(character, quote);
  return quote + body + quote;
}

function escapedCharacter(character: string, quote: string): string {
  if (character === quote) return `\\${character}`;
  const named = namedEscapes[character];
  if (named !== undefined) return named;
  if (!isPrintable(character)) return codeEscape(character.codePointAt(0) ?? 0);
  return character;
}

export function isPrintable(character: string): boolean {
  return character === " " || !unprintable.test(character);
}

function codeEscape(code: number): string {
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}
