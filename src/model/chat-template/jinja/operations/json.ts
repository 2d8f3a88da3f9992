/** @module JSON as Python's `json` writes it, and as it reads it. */

import { chargeSteps, chargeText } from "../values/bounds.ts";
import { PyDict } from "../values/dict.ts";
import { typeError } from "../values/errors.ts";
import { floatText } from "../values/float-text.ts";
import { repr } from "../values/printing.ts";
import { isList, PyFloat, PyTuple, type PyValue, textOf, typeName } from "../values/values.ts";
import { repeatText } from "./arithmetic.ts";
import { sorted } from "./comparison.ts";

export interface JsonFormat {
  readonly ensureAscii: boolean;
  /** What one level is indented by; null for everything on one line. */
  readonly indent: string | null;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sortKeys: boolean;
}

/** Throws TypeError for what JSON has no form for. */
export function jsonText(value: PyValue, format: JsonFormat): string {
  return new JsonWriter(format).write(value, 0);
}

class JsonWriter {
  readonly #format: JsonFormat;

  constructor(format: JsonFormat) {
    this.#format = format;
  }

  write(value: PyValue, level: number): string {
    chargeSteps(1);
    if (value === null) return "null";
    const text = textOf(value);
    if (text !== null) return this.#text(text);
    if (typeof value === "boolean") return value ? "true" : "false";
    if (typeof value === "number") return String(value);
    if (typeof value === "bigint") return repr(value);
    if (value instanceof PyFloat) return doubleText(value.value);
    if (isList(value)) return this.#list(value, level);
    if (value instanceof PyTuple) return this.#list(value.items, level);
    if (value instanceof PyDict) return this.#dict(value, level);
    throw typeError(`Object of type ${typeName(value)} is not JSON serializable`);
  }

  #list(items: readonly PyValue[], level: number): string {
    if (items.length === 0) return "[]";
    return this.#bracketed(
      "[",
      "]",
      level,
      items.map((item) => this.write(item, level + 1)),
    );
  }

  #dict(dict: PyDict, level: number): string {
    if (dict.size === 0) return "{}";
    const entries = [...dict.entries()].map(([key, value]) => new PyTuple([key, value]));
    const ordered = this.#format.sortKeys
      ? sorted(entries, (entry) => (entry as PyTuple).items[0] ?? null, false)
      : entries;
    const parts = ordered.map((entry) => {
      const [key = null, value = null] = (entry as PyTuple).items;
      return this.#text(keyText(key)) + this.#format.keySeparator + this.write(value, level + 1);
    });
    return this.#bracketed("{", "}", level, parts);
  }

  #bracketed(open: string, close: string, level: number, parts: readonly string[]): string {
    const { indent, itemSeparator } = this.#format;
    const text =
      indent === null
        ? open + parts.join(itemSeparator) + close
        : this.#indented(open, close, level, parts, indent);
    return text;
  }

  #indented(open: string, close: string, level: number, parts: readonly string[], indent: string): string {
    const outer = `\n${repeatText(indent, level)}`;
    const inner = outer + indent;
    return open + inner + parts.join(this.#format.itemSeparator + inner) + outer + close;
  }

  #text(text: string): string {
    chargeText(text.length);
    const escaped = text.replaceAll(/["\\\p{Cc}]/gu, escapedCharacter);
    return this.#format.ensureAscii
      ? `"${escaped.replaceAll(/[\u0080-\uffff]/g, unitEscape)}"`
      : `"${escaped}"`;
  }
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
};

function escapedCharacter(character: string): string {
  return escapes[character] ?? (character < " " ? unitEscape(character) : character);
}

function unitEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function doubleText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  return floatText(value);
}

function keyText(key: PyValue): string {
  const text = textOf(key);
  if (text !== null) return text;
  if (key === null) return "null";
  if (typeof key === "boolean") return key ? "true" : "false";
  if (typeof key === "number" || typeof key === "bigint") return repr(key);
  if (key instanceof PyFloat) return doubleText(key.value);
  throw typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}
