/** @module Python's `dict`, in the order of insertion, and its views. */

import { chargeSteps, chargeText } from "./bounds.ts";
import { typeError } from "./errors.ts";
import { Undefined } from "./undefined.ts";
import { isList, PyFloat, PyObject, PyTuple, type PyValue, textOf, typeName } from "./values.ts";

/** What equal keys share: 1, 1.0 and True are one key. */
type DictKey = string | number | bigint | symbol | null | PyObject;

const undefinedKey = Symbol("undefined");

export class PyDict extends PyObject {
  readonly typeName = "dict";
  readonly #entries = new Map<DictKey, readonly [key: PyValue, value: PyValue]>();

  /** Later values of a key replace earlier ones, in their place. Throws TypeError for a key that has no hash. */
  constructor(entries: Iterable<readonly [key: PyValue, value: PyValue]> = []) {
    super();
    for (const [key, value] of entries) this.#set(key, value);
  }

  /** From texts to values, without a check of each key. */
  static ofTexts(entries: Iterable<readonly [key: string, value: PyValue]>): PyDict {
    const dict = new PyDict();
    for (const [key, value] of entries) dict.#entries.set(textKey(key), [key, value]);
    return dict;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: PyValue): PyValue | undefined {
    return this.#entries.get(typeof key === "string" ? textKey(key) : keyOf(key))?.[1];
  }

  has(key: PyValue): boolean {
    return this.#entries.has(keyOf(key));
  }

  entries(): Iterable<readonly [key: PyValue, value: PyValue]> {
    return this.#entries.values();
  }

  *keys(): Generator<PyValue> {
    for (const [key] of this.#entries.values()) yield key;
  }

  *values(): Generator<PyValue> {
    for (const [, value] of this.#entries.values()) yield value;
  }

  #set(key: PyValue, value: PyValue): void {
    const hashed = keyOf(key);
    const present = this.#entries.get(hashed);
    this.#entries.set(hashed, [present === undefined ? key : present[0], value]);
  }
}

/** `keys()`, `values()` or `items()` of a dictionary. */
export class DictView extends PyObject {
  readonly typeName: "dict_keys" | "dict_values" | "dict_items";
  readonly dict: PyDict;

  constructor(dict: PyDict, typeName: DictView["typeName"]) {
    super();
    this.dict = dict;
    this.typeName = typeName;
  }

  *items(): Generator<PyValue> {
    for (const [key, value] of this.dict.entries())
      yield this.typeName === "dict_keys"
        ? key
        : this.typeName === "dict_values"
          ? value
          : new PyTuple([key, value]);
  }
}

/** Throws TypeError for a list, a dictionary and a tuple that has one within. */
export function keyOf(value: PyValue): DictKey {
  const text = textOf(value);
  if (text !== null) return textKey(text);
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number" || typeof value === "bigint" || value === null) return value as DictKey;
  if (value instanceof PyFloat) return floatKey(value.value);
  if (value instanceof Undefined) return undefinedKey;
  if (value instanceof PyTuple) return `\0(${value.items.map(partOfKey).join(",")})`;
  const isView = value instanceof DictView && value.typeName !== "dict_values";
  if (isList(value) || value instanceof PyDict || isView)
    throw typeError(`unhashable type: '${typeName(value)}'`);
  return value as PyObject;
}

/** Keys that are texts must not be taken for those of tuples. */
function textKey(text: string): string {
  return text.startsWith("\0") ? `\0s${text}` : text;
}

function floatKey(value: number): DictKey {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value + 0;
}

const objectNumbers = new WeakMap<PyObject, number>();
let numObjects = 0;

function partOfKey(value: PyValue): string {
  chargeSteps(1);
  const key = keyOf(value);
  if (key instanceof PyObject) {
    const number = objectNumbers.get(key) ?? numObjects++;
    objectNumbers.set(key, number);
    return `o${number}`;
  }
  if (typeof key !== "string") return String(key);
  chargeText(key.length);
  return `${key.length}:${key}`;
}
