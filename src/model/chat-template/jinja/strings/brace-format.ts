/** @module `"…{}…".format(…)`, with the fields looked up as the template itself does. */

import { asciiOnly } from "../operations/percent-format.ts";
import { chargeText } from "../values/bounds.ts";
import { PythonError, valueError } from "../values/errors.ts";
import { repr, str } from "../values/printing.ts";
import type { PyValue } from "../values/values.ts";

export interface FormatSource {
  readonly args: readonly PyValue[];
  /** A name's value; undefined where there is none. */
  named(name: string): PyValue | undefined;
  attribute(object: PyValue, name: string): PyValue;
  item(object: PyValue, key: PyValue): PyValue;
  /** What is written for a value with its specification. */
  write(value: PyValue, spec: string): string;
}

/** Throws ValueError, IndexError and KeyError as Python does. */
export function braceFormat(format: string, source: FormatSource): string {
  const text = new BraceFormatter(source).format(format, 2);
  chargeText(text.length);
  return text;
}

class BraceFormatter {
  readonly #source: FormatSource;
  /** The next number of `{}`, or false once a field stated its own. */
  #nextIndex: number | false = 0;

  constructor(source: FormatSource) {
    this.#source = source;
  }

  /** Specifications may hold fields themselves, one level deep. */
  format(format: string, depth: number): string {
    if (depth < 1) throw valueError("Max string recursion exceeded");
    let text = "";
    for (let at = 0; at < format.length; ) {
      const brace = format.slice(at).search(/[{}]/);
      if (brace === -1) return text + format.slice(at);
      text += format.slice(at, at + brace);
      at += brace;
      const isDoubled = format[at] === format[at + 1];
      if (isDoubled) {
        text += format[at];
        at += 2;
        continue;
      }
      if (format[at] === "}") throw valueError("Single '}' encountered in format string");
      const end = fieldEnd(format, at);
      text += this.#field(format.slice(at + 1, end), depth);
      at = end + 1;
    }
    return text;
  }

  #field(field: string, depth: number): string {
    const { name, conversion, spec } = splitField(field);
    const value = converted(this.#value(name), conversion);
    return this.#source.write(value, this.format(spec, depth - 1 + (spec === "" ? 1 : 0)));
  }

  #value(name: string): PyValue {
    const [, first = "", rest = ""] = /^([^.[]*)([\s\S]*)$/.exec(name) ?? [];
    let value = this.#first(first, name === "");
    for (let at = 0; at < rest.length; ) {
      const part = /^(?:\.([^.[]+)|\[([^\]]+)\])/.exec(rest.slice(at));
      if (part === null)
        throw valueError(
          rest[at] === "." || rest[at] === "["
            ? "Empty attribute in format string"
            : "Only '.' or '[' may follow ']' in format field specifier",
        );
      const [whole, attribute, key = ""] = part;
      if (attribute !== undefined) value = this.#source.attribute(value, attribute);
      else value = this.#source.item(value, /^\d+$/.test(key) ? Number(key) : key);
      at += whole.length;
    }
    return value;
  }

  /** Only a field without any name takes the next argument: `{.a}` is a field of the name "", and there is none. */
  #first(name: string, isUnnamed: boolean): PyValue {
    if (!isUnnamed && !/^\d+$/.test(name)) {
      const value = this.#source.named(name);
      if (value === undefined) throw new PythonError("KeyError", repr(name));
      return value;
    }
    const value = this.#source.args[this.#index(name)];
    if (value === undefined)
      throw new PythonError("IndexError", "Replacement index out of range for positional args tuple");
    return value;
  }

  #index(stated: string): number {
    if (stated === "") {
      if (this.#nextIndex === false)
        throw valueError("cannot switch from manual field specification to automatic field numbering");
      this.#nextIndex += 1;
      return this.#nextIndex - 1;
    }
    if (this.#nextIndex !== false && this.#nextIndex > 0)
      throw valueError("cannot switch from automatic field numbering to manual field specification");
    this.#nextIndex = false;
    return Number(stated);
  }
}

/** The position of the brace that closes the one at `start`. */
function fieldEnd(format: string, start: number): number {
  let depth = 0;
  for (let at = start; at < format.length; at += 1) {
    if (format[at] === "[" && depth === 1) {
      const close = format.indexOf("]", at);
      if (close !== -1) at = close;
    } else if (format[at] === "{") depth += 1;
    else if (format[at] === "}" && --depth === 0) return at;
  }
  throw valueError(
    start === format.length - 1
      ? "Single '{' encountered in format string"
      : "expected '}' before end of string",
  );
}

interface Field {
  readonly name: string;
  readonly conversion: string | null;
  readonly spec: string;
}

function splitField(field: string): Field {
  const [, name = "", conversion, spec = ""] =
    /^((?:\[[^\]]*\]|[^!:])*)(![\s\S]*?)?(?::([\s\S]*))?$/.exec(field) ?? [];
  if (name.includes("{")) throw valueError("unexpected '{' in field name");
  if (conversion !== undefined && conversion.length !== 2)
    throw valueError("end of string while looking for conversion specifier");
  return { name, conversion: conversion?.slice(1) ?? null, spec };
}

function converted(value: PyValue, conversion: string | null): PyValue {
  switch (conversion) {
    case null:
      return value;
    case "s":
      return str(value);
    case "r":
      return repr(value);
    case "a":
      return asciiOnly(repr(value));
    default:
      throw valueError(`Unknown conversion specifier ${conversion}`);
  }
}
