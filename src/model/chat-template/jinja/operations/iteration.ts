/** @module Going through values, their length, and slices of them. */

import { chargeScan, chargeSteps } from "../values/bounds.ts";
import { DictView, PyDict } from "../values/dict.ts";
import { typeError, valueError } from "../values/errors.ts";
import { characters, hasSurrogates, textLength } from "../values/text.ts";
import { assertDefined, Undefined } from "../values/undefined.ts";
import {
  isList,
  Markup,
  PyIterator,
  PyObject,
  PyRange,
  PyTuple,
  type PyValue,
  textOf,
  typeName,
} from "../values/values.ts";

/** The items of a value, charged as they are gone through. Throws TypeError where there are none. */
export function iterate(value: PyValue, subject?: string): Iterable<PyValue> {
  return metered(itemsOf(value, subject));
}

/** All items of a value. Throws TypeError where there are none. */
export function listOf(value: PyValue): readonly PyValue[] {
  if (isList(value)) {
    chargeSteps(value.length);
    return value;
  }
  return [...iterate(value)];
}

export function isIterable(value: PyValue): boolean {
  if (isList(value) || textOf(value) !== null) return true;
  if (hasItems(value)) return true;
  return [PyTuple, PyDict, PyRange, PyIterator, Undefined].some((type) => value instanceof type);
}

/** An object that says itself what its items are: a view of a dictionary, `loop`. */
interface HasItems {
  items(): Iterable<PyValue>;
}

function hasItems(value: PyValue): value is PyObject & HasItems {
  return value instanceof PyObject && "items" in value && typeof value.items === "function";
}

function* metered(items: Iterable<PyValue>): Generator<PyValue> {
  for (const item of items) {
    chargeSteps(1);
    yield item;
  }
}

function itemsOf(value: PyValue, subject?: string): Iterable<PyValue> {
  if (isList(value)) return value;
  if (value instanceof PyTuple) return value.items;
  if (value instanceof PyDict) return value.keys();
  if (hasItems(value)) return value.items();
  if (value instanceof PyIterator) return remaining(value);
  if (value instanceof PyRange) return rangeItems(value);
  if (value instanceof Undefined) return [];
  const text = textOf(value);
  // The characters of Markup are plain ones.
  if (text !== null) return characters(text);
  throw typeError(
    subject === undefined
      ? `'${typeName(value)}' object is not iterable`
      : `${subject} '${typeName(value)}' is not iterable`,
  );
}

function* remaining(iterator: PyIterator): Generator<PyValue> {
  for (let result = iterator.next(); !result.done; result = iterator.next()) yield result.value;
}

function* rangeItems(range: PyRange): Generator<PyValue> {
  for (let i = 0; i < range.length; i += 1) yield range.at(i);
}

/** An object with a length of its own. */
interface HasLength {
  readonly length: number;
}

function hasLength(value: PyValue): value is PyObject & HasLength {
  return value instanceof PyObject && "length" in value && typeof value.length === "number";
}

/** `len(value)`. Throws TypeError where it has none. */
export function lengthOf(value: PyValue): number {
  const length = lengthOrNull(value);
  if (length === null) throw typeError(`object of type '${typeName(value)}' has no len()`);
  return length;
}

export function lengthOrNull(value: PyValue): number | null {
  if (isList(value)) return value.length;
  const text = textOf(value);
  if (text !== null) {
    chargeScan(text);
    return textLength(text);
  }
  if (value instanceof PyDict) return value.size;
  if (value instanceof PyTuple) return value.items.length;
  if (value instanceof DictView) return value.dict.size;
  if (value instanceof Undefined) return 0;
  return hasLength(value) ? value.length : null;
}

/** `reversed(value)`. Throws TypeError where only a list of it could be reversed. */
export function reversedItems(value: PyValue): Iterable<PyValue> {
  if (value instanceof PyIterator) throw typeError(`'${typeName(value)}' object is not reversible`);
  return [...itemsOf(value)].reverse();
}

/** `value[start:stop:step]`. Throws TypeError for bounds that are no integers, and for what has no slices. */
export function slice(value: PyValue, start: PyValue, stop: PyValue, step: PyValue): PyValue {
  assertDefined(value);
  const length = sliceableLength(value);
  const indices = sliceIndices(length, start, stop, step);
  if (value instanceof PyRange)
    return new PyRange(value.at(indices.start), value.at(indices.stop), value.step * indices.step);
  chargeSteps(indices.length);
  if (isList(value)) return pick(value, indices);
  if (value instanceof PyTuple) return new PyTuple(pick(value.items, indices));
  const text = textOf(value) ?? "";
  const part = sliceText(text, indices);
  return value instanceof Markup ? new Markup(part) : part;
}

function sliceableLength(value: PyValue): number {
  if (value instanceof PyDict) throw typeError("unhashable type: 'slice'");
  const isSliceable =
    isList(value) || textOf(value) !== null || value instanceof PyTuple || value instanceof PyRange;
  if (!isSliceable) throw typeError(`'${typeName(value)}' object is not subscriptable`);
  return lengthOf(value);
}

function sliceText(text: string, range: PyRange): string {
  if (range.step === 1 && !hasSurrogates(text))
    return text.slice(range.start, Math.max(range.start, range.stop));
  return pick(characters(text), range).join("");
}

function pick<T>(items: readonly T[], range: PyRange): T[] {
  if (range.step === 1) return items.slice(range.start, Math.max(range.start, range.stop));
  const picked: T[] = [];
  for (let i = 0; i < range.length; i += 1) {
    const item = items[range.at(i)];
    if (item !== undefined) picked.push(item);
  }
  return picked;
}

/** Python's `slice.indices`. */
function sliceIndices(length: number, start: PyValue, stop: PyValue, step: PyValue): PyRange {
  const stride = step === null ? 1 : sliceBound(step);
  if (stride === 0) throw valueError("slice step cannot be zero");
  const [lowest, highest] = stride > 0 ? [0, length] : [-1, length - 1];
  const clamp = (bound: PyValue, fallback: number): number => {
    if (bound === null) return fallback;
    const index = sliceBound(bound);
    return Math.min(Math.max(index < 0 ? index + length : index, lowest), highest);
  };
  const first = clamp(start, stride > 0 ? lowest : highest);
  return new PyRange(first, clamp(stop, stride > 0 ? highest : lowest), stride);
}

function sliceBound(value: PyValue): number {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  throw typeError("slice indices must be integers or None or have an __index__ method");
}
