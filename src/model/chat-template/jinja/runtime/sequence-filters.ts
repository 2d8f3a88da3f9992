/** @module Filters over sequences and mappings. */

import { requireIndex } from "../operations/arguments.ts";
import { binary } from "../operations/arithmetic.ts";
import { equals, isTrue, ordered, sorted } from "../operations/comparison.ts";
import { iterate, lengthOf, listOf, reversedItems } from "../operations/iteration.ts";
import { lower } from "../strings/text-case.ts";
import { chargeSteps } from "../values/bounds.ts";
import { keyOf, PyDict } from "../values/dict.ts";
import { isPythonError, PythonError, typeError } from "../values/errors.ts";
import { repr } from "../values/printing.ts";
import { characters } from "../values/text.ts";
import { Undefined } from "../values/undefined.ts";
import {
  GroupTuple,
  type Kwargs,
  Markup,
  PyIterator,
  PyTuple,
  type PyValue,
  textOf,
} from "../values/values.ts";
import { attributePath, itemOf } from "./attributes.ts";
import { type OperationTable, operation, type RenderEnvironment } from "./environment.ts";

export const sequenceFilters: OperationTable = {
  length: operation("length", [["obj"]], ([value = null]) => lengthOf(value)),
  count: operation("count", [["obj"]], ([value = null]) => lengthOf(value)),
  list: operation("list", [["value"]], ([value = null]) => listOf(value)),
  first: operation("first", [["seq"]], ([value = null]) =>
    firstOf(iterate(value), "No first item, sequence was empty."),
  ),
  last: operation("last", [["seq"]], ([value = null]) =>
    firstOf(reversedItems(value), "No last item, sequence was empty."),
  ),
  random: operation("random", [["seq"]], ([value = null]) => {
    const index = Math.floor(Math.random() * lengthOf(value));
    return lengthOf(value) === 0 ? nothing("No random item, sequence was empty.") : itemOf(value, index);
  }),
  reverse: operation("reverse", [["value"]], ([value = null]) => reversed(value)),
  sort: operation(
    "sort",
    [["value"], ["reverse", false], ["case_sensitive", false], ["attribute", null]],
    ([value = null, reverse = null, caseSensitive = null, attribute = null]) =>
      sorted(listOf(value), sortKey(attribute, isTrue(caseSensitive)), isTrue(reverse)),
  ),
  unique: operation(
    "unique",
    [["value"], ["case_sensitive", false], ["attribute", null]],
    ([value = null, caseSensitive = null, attribute = null]) =>
      new PyIterator(unique(value, getter(attribute, { ignoresCase: !isTrue(caseSensitive) }))),
  ),
  min: extreme("min", "<"),
  max: extreme("max", ">"),
  sum: operation(
    "sum",
    [["iterable"], ["attribute", null], ["start", 0]],
    ([value = null, attribute = null, start = null]) => sum(value, attribute, start),
  ),
  groupby: operation(
    "groupby",
    [["value"], ["attribute"], ["default", null], ["case_sensitive", false]],
    ([value = null, attribute = null, fallback = null, caseSensitive = null]) =>
      groups(value, attribute, fallback, isTrue(caseSensitive)),
  ),
  dictsort: operation(
    "dictsort",
    [["value"], ["case_sensitive", false], ["by", "key"], ["reverse", false]],
    ([value = null, caseSensitive = null, by = null, reverse = null]) =>
      sortedEntries(value, isTrue(caseSensitive), by, isTrue(reverse)),
  ),
  items: operation("items", [["value"]], ([value = null]) => new PyIterator(entries(value))),
  batch: operation(
    "batch",
    [["value"], ["linecount"], ["fill_with", null]],
    ([value = null, size = null, fill = null]) => new PyIterator(batches(value, size, fill)),
  ),
  slice: operation(
    "slice",
    [["value"], ["slices"], ["fill_with", null]],
    ([value = null, count = null, fill = null]) => new PyIterator(slices(value, requireIndex(count), fill)),
  ),
  map: (environment, [value = null, ...args], kwargs) =>
    new PyIterator(mapped(environment, value, args, kwargs)),
  select: selection(false, true),
  reject: selection(false, false),
  selectattr: selection(true, true),
  rejectattr: selection(true, false),
};

function firstOf(items: Iterable<PyValue>, message: string): PyValue {
  for (const item of items) return item;
  return nothing(message);
}

function nothing(message: string): Undefined {
  return new Undefined(() => message);
}

function reversed(value: PyValue): PyValue {
  const text = textOf(value);
  if (text !== null) {
    const backwards = [...characters(text)].reverse().join("");
    return value instanceof Markup ? new Markup(backwards) : backwards;
  }
  try {
    return new PyIterator(reversedItems(value), "list_reverseiterator");
  } catch (cause) {
    if (!isPythonError(cause, "TypeError")) throw cause;
  }
  try {
    return [...listOf(value)].reverse();
  } catch (cause) {
    if (!isPythonError(cause, "TypeError")) throw cause;
    throw new PythonError("FilterArgumentError", "argument must be iterable");
  }
}

function withoutCase(value: PyValue): PyValue {
  const text = textOf(value);
  return text === null ? value : lower(text);
}

/** What is found along `attribute` in an item. */
function getter(
  attribute: PyValue,
  options: { readonly ignoresCase?: boolean; readonly fallback?: PyValue } = {},
): (item: PyValue) => PyValue {
  const path = attributePath(attribute);
  const { ignoresCase = false, fallback = null } = options;
  return (item) => {
    let found = item;
    for (const key of path) {
      found = itemOf(found, key);
      if (fallback !== null && found instanceof Undefined) found = fallback;
    }
    return ignoresCase ? withoutCase(found) : found;
  };
}

/** Several attributes with commas between them sort by the first, then the second, … */
function sortKey(attribute: PyValue, caseSensitive: boolean): (item: PyValue) => PyValue {
  const attributes = textOf(attribute)?.split(",") ?? [attribute];
  const getters = attributes.map((part) => getter(part, { ignoresCase: !caseSensitive }));
  return (item) => getters.map((get) => get(item));
}

function* unique(value: PyValue, key: (item: PyValue) => PyValue): Generator<PyValue> {
  const seen = new Set<unknown>();
  for (const item of iterate(value)) {
    const hash = keyOf(key(item));
    if (!seen.has(hash)) yield item;
    seen.add(hash);
  }
}

function extreme(name: string, operator: "<" | ">"): OperationTable[string] {
  return operation(
    name,
    [["value"], ["case_sensitive", false], ["attribute", null]],
    ([value = null, caseSensitive = null, attribute = null]) => {
      const key = getter(attribute, { ignoresCase: !isTrue(caseSensitive) });
      let best: { readonly item: PyValue; readonly key: PyValue } | null = null;
      for (const item of iterate(value)) {
        const own = key(item);
        if (best === null || ordered(operator, own, best.key)) best = { item, key: own };
      }
      return best === null ? nothing("No aggregated item, sequence was empty.") : best.item;
    },
  );
}

function sum(value: PyValue, attribute: PyValue, start: PyValue): PyValue {
  if (textOf(start) !== null) throw typeError("sum() can't sum strings [use ''.join(seq) instead]");
  const key = getter(attribute);
  let total = start;
  for (const item of iterate(value)) total = binary("+", total, key(item));
  return total;
}

function groups(value: PyValue, attribute: PyValue, fallback: PyValue, caseSensitive: boolean): PyValue {
  const key = getter(attribute, { ignoresCase: !caseSensitive, fallback });
  const shown = getter(attribute, { fallback });
  const found: { readonly key: PyValue; readonly items: PyValue[] }[] = [];
  for (const item of sorted(listOf(value), key, false)) {
    const own = key(item);
    const last = found.at(-1);
    if (last !== undefined && equals(last.key, own)) last.items.push(item);
    else found.push({ key: own, items: [item] });
  }
  return found.map((group) => new GroupTuple([shown(group.items[0] ?? null), group.items]));
}

function sortedEntries(value: PyValue, caseSensitive: boolean, by: PyValue, reverse: boolean): PyValue {
  const at = by === "key" ? 0 : by === "value" ? 1 : null;
  if (at === null)
    throw new PythonError("FilterArgumentError", 'You can only sort by either "key" or "value"');
  const pairs = [...entriesOf(value, "dictsort needs a mapping")];
  const key = (pair: PyValue): PyValue => (pair instanceof PyTuple ? (pair.items[at] ?? null) : null);
  return sorted(pairs, (pair) => (caseSensitive ? key(pair) : withoutCase(key(pair))), reverse);
}

function* entries(value: PyValue): Generator<PyValue> {
  if (value instanceof Undefined) return;
  yield* entriesOf(value, "Can only get item pairs from a mapping.");
}

function* entriesOf(value: PyValue, message: string): Generator<PyValue> {
  if (value instanceof Undefined) throw value.error();
  if (!(value instanceof PyDict)) throw typeError(message);
  for (const [key, item] of value.entries()) {
    chargeSteps(1);
    yield new PyTuple([key, item]);
  }
}

function* batches(value: PyValue, size: PyValue, fill: PyValue): Generator<PyValue> {
  let batch: PyValue[] = [];
  for (const item of iterate(value)) {
    if (equals(batch.length, size)) {
      yield batch;
      batch = [];
    }
    batch.push(item);
  }
  if (batch.length === 0) return;
  const missing = fill === null ? 0 : Math.max(0, requireIndex(size) - batch.length);
  chargeSteps(missing);
  yield [...batch, ...Array.from({ length: missing }, () => fill)];
}

function* slices(value: PyValue, count: number, fill: PyValue): Generator<PyValue> {
  const items = listOf(value);
  if (count === 0) throw new PythonError("ZeroDivisionError", "integer division or modulo by zero");
  const size = Math.floor(items.length / count);
  const numLonger = ((items.length % count) + count) % count;
  let start = 0;
  for (let i = 0; i < count; i += 1) {
    chargeSteps(1);
    const end = start + size + (i < numLonger ? 1 : 0);
    const part = items.slice(start, end);
    yield fill !== null && i >= numLonger ? [...part, fill] : part;
    start = end;
  }
}

function* mapped(
  environment: RenderEnvironment,
  value: PyValue,
  args: readonly PyValue[],
  kwargs: Kwargs,
): Generator<PyValue> {
  if (!isTrue(value)) return;
  const call = mapping(environment, args, kwargs);
  for (const item of iterate(value)) yield call(item);
}

function mapping(
  environment: RenderEnvironment,
  args: readonly PyValue[],
  kwargs: Kwargs,
): (item: PyValue) => PyValue {
  const attribute = kwargs.get("attribute");
  const [name, ...rest] = args;
  if (name === undefined && attribute !== undefined) {
    const unknown = [...kwargs.keys()].find((key) => key !== "attribute" && key !== "default");
    if (unknown !== undefined)
      throw new PythonError("FilterArgumentError", `Unexpected keyword argument ${repr(unknown)}`);
    return getter(attribute, { fallback: kwargs.get("default") ?? null });
  }
  if (name === undefined) throw new PythonError("FilterArgumentError", "map requires a filter argument");
  return (item) => environment.applyFilter(name, item, rest, kwargs);
}

function selection(byAttribute: boolean, isKept: boolean): OperationTable[string] {
  return (environment, [value = null, ...args], kwargs) =>
    new PyIterator(selected(environment, value, args, kwargs, { byAttribute, isKept }));
}

function* selected(
  environment: RenderEnvironment,
  value: PyValue,
  args: readonly PyValue[],
  kwargs: Kwargs,
  { byAttribute, isKept }: { readonly byAttribute: boolean; readonly isKept: boolean },
): Generator<PyValue> {
  if (!isTrue(value)) return;
  const [attribute] = args;
  if (byAttribute && attribute === undefined)
    throw new PythonError("FilterArgumentError", "Missing parameter for attribute name");
  const key = byAttribute ? getter(attribute ?? null) : (item: PyValue): PyValue => item;
  const [test, ...rest] = byAttribute ? args.slice(1) : args;
  for (const item of iterate(value)) {
    const own = key(item);
    const holds = test === undefined ? own : environment.applyTest(test, own, rest, kwargs);
    if (isTrue(holds) === isKept) yield item;
  }
}
