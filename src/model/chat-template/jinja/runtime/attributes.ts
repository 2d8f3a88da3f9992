/** @module `object.name` and `object[key]`, as Jinja's immutable sandbox looks them up. */

import { boundArguments, requireIndex } from "../operations/arguments.ts";
import { equals } from "../operations/comparison.ts";
import { iterate, lengthOf } from "../operations/iteration.ts";
import { escapeMarkup } from "../operations/markup.ts";
import { braceFormat, type FormatSource } from "../strings/brace-format.ts";
import { formatValue } from "../strings/format-spec.ts";
import { callTextMethod, isTextMethod } from "../strings/text-methods.ts";
import { chargeScan, chargeSteps } from "../values/bounds.ts";
import { DictView, PyDict } from "../values/dict.ts";
import { PythonError, typeError, valueError } from "../values/errors.ts";
import { repr } from "../values/printing.ts";
import { characters, hasSurrogates } from "../values/text.ts";
import { Undefined } from "../values/undefined.ts";
import {
  BuiltinFunction,
  GroupTuple,
  hasAttributes,
  isList,
  type Kwargs,
  Markup,
  PyFloat,
  PyObject,
  PyRange,
  PyTuple,
  type PyValue,
  textOf,
  typeName,
} from "../values/values.ts";

/** `object.name`: an attribute first, then an item. Throws UndefinedError where the object is undefined. */
export function attributeOf(object: PyValue, name: string): PyValue {
  const own = ownAttribute(object, name);
  if (own !== undefined) return own;
  if (object instanceof PyDict) {
    const item = object.get(name);
    if (item !== undefined) return item;
  }
  return undefinedElement(object, name);
}

/** `object[key]`: an item first, then, by a text, an attribute. Throws UndefinedError where the object is undefined. */
export function itemOf(object: PyValue, key: PyValue): PyValue {
  const item = ownItem(object, key);
  if (item !== undefined) return item;
  const name = textOf(key);
  const own = name === null ? undefined : ownAttribute(object, name);
  return own ?? undefinedElement(object, key);
}

/** Of a path of `map(attribute='a.b.0')`. */
export type AttributePath = readonly (string | number)[];

export function attributePath(attribute: PyValue): AttributePath | readonly PyValue[] {
  if (attribute === null) return [];
  const text = textOf(attribute);
  if (text === null) return [attribute];
  return text.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** `|attr`: attributes alone. */
export function onlyAttributeOf(object: PyValue, name: string): PyValue {
  return ownAttribute(object, name) ?? undefinedElement(object, name);
}

function undefinedElement(object: PyValue, key: PyValue): Undefined {
  return new Undefined(() => {
    const type = object === null ? "None" : `${typeName(object)} object`;
    if (typeof key === "string") return `'${type}' has no attribute ${repr(key)}`;
    return `${type} has no element ${repr(key)}`;
  });
}

function unsafe(object: PyValue, name: string): Undefined {
  return new Undefined(
    () => `access to attribute ${repr(name)} of ${repr(typeName(object))} object is unsafe.`,
    "SecurityError",
  );
}

const changingDictMethods: ReadonlySet<string> = new Set(["clear", "pop", "popitem", "setdefault", "update"]);
const changingListMethods: ReadonlySet<string> = new Set([
  "append",
  "clear",
  "extend",
  "insert",
  "pop",
  "remove",
  "reverse",
  "sort",
]);

/** undefined where the object has no such attribute. */
function ownAttribute(object: PyValue, name: string): PyValue | undefined {
  if (object instanceof Undefined) throw object.error();
  if (/^__\w*__$/.test(name)) return unsafe(object, name);
  if (object instanceof PyDict) return dictAttribute(object, name);
  if (typeof object === "string" || object instanceof Markup) return textAttribute(object, name);
  if (isList(object)) return listAttribute(object, name);
  if (object instanceof PyTuple) return tupleAttribute(object, name);
  if (object instanceof PyRange) return rangeAttribute(object, name);
  if (hasAttributes(object)) return object.attribute(name);
  return numberAttribute(object, name);
}

function dictAttribute(dict: PyDict, name: string): PyValue | undefined {
  if (changingDictMethods.has(name)) return unsafe(dict, name);
  switch (name) {
    case "get":
      return method(name, (args) => {
        if (args.length < 1 || args.length > 2)
          throw typeError(`get expected 1 or 2 arguments, got ${args.length}`);
        return dict.get(args[0] ?? null) ?? args[1] ?? null;
      });
    case "items":
      return withoutArguments(name, () => new DictView(dict, "dict_items"));
    case "keys":
      return withoutArguments(name, () => new DictView(dict, "dict_keys"));
    case "values":
      return withoutArguments(name, () => new DictView(dict, "dict_values"));
    case "copy":
      return withoutArguments(name, () => dict);
    case "fromkeys":
      return method(name, dictFromKeys);
    default:
      return undefined;
  }
}

/** `dict.fromkeys(iterable, value)`. */
export function dictFromKeys(args: readonly PyValue[]): PyDict {
  const [keys = null, value = null] = args;
  return new PyDict([...iterate(keys)].map((key) => [key, value]));
}

function textAttribute(text: string | Markup, name: string): PyValue | undefined {
  if (name === "format") return method(name, (args, kwargs) => formatted(text, args, kwargs));
  if (name === "format_map") return method(name, (args) => formattedFromMap(text, args));
  if (!isTextMethod(name)) return undefined;
  return method(name, (args, kwargs) => callTextMethod(text, name, args, kwargs, escapeMarkup));
}

function formatted(format: string | Markup, args: readonly PyValue[], kwargs: Kwargs): PyValue {
  return written(format, args, (name) => kwargs.get(name));
}

function formattedFromMap(format: string | Markup, args: readonly PyValue[]): PyValue {
  const [mapping] = args;
  if (args.length !== 1 || mapping === undefined)
    throw typeError(`format_map() takes exactly one argument (${args.length} given)`);
  return written(format, [], (name) => ownItem(mapping, name));
}

function written(format: string | Markup, args: readonly PyValue[], named: FormatSource["named"]): PyValue {
  const isMarkup = format instanceof Markup;
  const text = braceFormat(isMarkup ? format.text : format, {
    args,
    named,
    attribute: attributeOf,
    item: itemOf,
    write: (value, spec) =>
      isMarkup ? escapeMarkup(spec === "" ? value : formatValue(value, spec)).text : formatValue(value, spec),
  });
  return isMarkup ? new Markup(text) : text;
}

function listAttribute(items: readonly PyValue[], name: string): PyValue | undefined {
  if (changingListMethods.has(name)) return unsafe(items, name);
  if (name === "copy") return withoutArguments(name, () => items);
  return sequenceAttribute(items, "list", name);
}

function tupleAttribute(tuple: PyTuple, name: string): PyValue | undefined {
  if (tuple instanceof GroupTuple && name === "grouper") return tuple.items[0];
  if (tuple instanceof GroupTuple && name === "list") return tuple.items[1];
  return sequenceAttribute(tuple.items, "tuple", name);
}

function sequenceAttribute(items: readonly PyValue[], type: string, name: string): PyValue | undefined {
  if (name === "count")
    return method(name, (args, kwargs) => {
      const [sought = null] = boundArguments(name, [["value"]], args, kwargs);
      chargeSteps(items.length);
      return items.filter((item) => equals(item, sought)).length;
    });
  if (name !== "index") return undefined;
  return method(name, (args, kwargs) => {
    const bound = boundArguments(name, [["value"], ["start", 0], ["stop", null]], args, kwargs);
    const [sought = null, start = 0, stop = null] = bound;
    const end = stop === null ? items.length : requireIndex(stop);
    chargeSteps(items.length);
    const part = items.slice(requireIndex(start), end);
    const at = part.findIndex((item) => equals(item, sought));
    if (at === -1) throw valueError(`${repr(sought)} is not in ${type}`);
    return items.length - items.slice(requireIndex(start)).length + at;
  });
}

function rangeAttribute(range: PyRange, name: string): PyValue | undefined {
  if (name === "start" || name === "stop" || name === "step") return range[name];
  if (name === "index" || name === "count") return sequenceAttribute([...iterate(range)], "range", name);
  return undefined;
}

function numberAttribute(value: PyValue, name: string): PyValue | undefined {
  const isInteger = typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
  if (!isInteger && !(value instanceof PyFloat)) return undefined;
  const number = typeof value === "boolean" ? Number(value) : value;
  switch (name) {
    case "real":
      return number;
    case "imag":
      return isInteger ? 0 : new PyFloat(0);
    case "conjugate":
      return withoutArguments(name, () => number);
    case "is_integer":
      return withoutArguments(name, () => !(value instanceof PyFloat) || Number.isInteger(value.value));
    default:
  }
  if (!isInteger) return undefined;
  switch (name) {
    case "numerator":
      return number;
    case "denominator":
      return 1;
    case "bit_length":
      return withoutArguments(name, () =>
        Number(value) === 0
          ? 0
          : BigInt(value as number)
              .toString(2)
              .replace("-", "").length,
      );
    default:
      return undefined;
  }
}

/** undefined where the object has no such item, or no items. */
function ownItem(object: PyValue, key: PyValue): PyValue | undefined {
  if (object instanceof PyDict) return dictItem(object, key);
  if (object instanceof Undefined) throw object.error();
  const index = typeof key === "boolean" ? Number(key) : key;
  if (typeof index !== "number") return undefined;
  if (isList(object)) return object.at(index);
  if (object instanceof PyTuple) return object.items.at(index);
  const text = textOf(object);
  if (text !== null) return textItem(object, text, index);
  if (!(object instanceof PyRange)) return undefined;
  const at = index < 0 ? index + lengthOf(object) : index;
  return at >= 0 && at < object.length ? object.at(at) : undefined;
}

function dictItem(dict: PyDict, key: PyValue): PyValue | undefined {
  if (isList(key) || key instanceof PyDict) return undefined;
  return dict.get(key);
}

function textItem(object: PyValue, text: string, index: number): PyValue | undefined {
  chargeScan(text);
  const character = hasSurrogates(text) ? characters(text).at(index) : text.at(index);
  return object instanceof Markup && character !== undefined ? new Markup(character) : character;
}

function method(name: string, call: (args: readonly PyValue[], kwargs: Kwargs) => PyValue): BuiltinFunction {
  return new BuiltinFunction(name, call);
}

function withoutArguments(name: string, call: () => PyValue): BuiltinFunction {
  return new BuiltinFunction(name, (args, kwargs) => {
    if (args.length > 0 || kwargs.size > 0)
      throw typeError(`${name}() takes no arguments (${args.length + kwargs.size} given)`);
    return call();
  });
}

/** Calls a value. Throws TypeError for one that cannot be called. */
export function callValue(callee: PyValue, args: readonly PyValue[], kwargs: Kwargs): PyValue {
  if (callee instanceof Undefined) throw callee.error();
  if (callee instanceof PyObject && "call" in callee && typeof callee.call === "function")
    return callee.call(args, kwargs);
  throw new PythonError("TypeError", `'${typeName(callee)}' object is not callable`);
}
