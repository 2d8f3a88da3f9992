/**
 * @module Python's values as JavaScript's. `None` is null, `bool` boolean, `str` string, `list` an array; an `int` is a number
 * while it is a safe integer, else a bigint. Everything else is a PyObject. Lists and dictionaries are never changed once
 * they are made: the sandbox does not let a template do so.
 */

export type PyValue = null | boolean | number | bigint | string | readonly PyValue[] | PyObject;

/** Keyword arguments of a call, in the order in which they were given. */
export type Kwargs = ReadonlyMap<string, PyValue>;
export const noKwargs: Kwargs = new Map();

export abstract class PyObject {
  abstract readonly typeName: string;
}

export class PyFloat extends PyObject {
  readonly typeName = "float";
  readonly value: number;

  constructor(value: number) {
    super();
    this.value = value;
  }
}

export class PyTuple extends PyObject {
  readonly typeName: string = "tuple";
  readonly items: readonly PyValue[];

  constructor(items: readonly PyValue[]) {
    super();
    this.items = items;
  }
}

/** A pair of `groupby`, whose items have names as well. */
export class GroupTuple extends PyTuple {
  override readonly typeName = "_GroupTuple";
}

/** Text that is safe to stand in HTML: what it is joined with is escaped. */
export class Markup extends PyObject {
  readonly typeName = "Markup";
  readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }
}

export class PyRange extends PyObject {
  readonly typeName = "range";
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  readonly length: number;

  /** `step` is not 0. */
  constructor(start: number, stop: number, step: number) {
    super();
    this.start = start;
    this.stop = stop;
    this.step = step;
    this.length = Math.max(0, Math.ceil((stop - start) / step));
  }

  at(index: number): number {
    return this.start + index * this.step;
  }
}

/** A generator or an iterator: it has no length, it is true, and it is used up by going through it. */
export class PyIterator extends PyObject {
  readonly typeName: string;
  readonly #items: Iterator<PyValue>;

  constructor(items: Iterable<PyValue>, typeName = "generator") {
    super();
    this.#items = items[Symbol.iterator]();
    this.typeName = typeName;
  }

  next(): IteratorResult<PyValue> {
    return this.#items.next();
  }
}

/** Anything that can be called. */
export abstract class PyCallable extends PyObject {
  abstract call(args: readonly PyValue[], kwargs: Kwargs): PyValue;
}

export class BuiltinFunction extends PyCallable {
  readonly typeName: string;
  readonly name: string;
  readonly #call: (args: readonly PyValue[], kwargs: Kwargs) => PyValue;

  constructor(name: string, call: BuiltinFunction["call"], typeName = "builtin_function_or_method") {
    super();
    this.name = name;
    this.#call = call;
    this.typeName = typeName;
  }

  call(args: readonly PyValue[], kwargs: Kwargs): PyValue {
    return this.#call(args, kwargs);
  }
}

/** An object with attributes of its own: `loop`, a namespace, a cycler. */
export interface HasAttributes {
  /** undefined where there is none of that name. */
  attribute(name: string): PyValue | undefined;
}

export function hasAttributes(value: PyValue): value is PyObject & HasAttributes {
  return value instanceof PyObject && "attribute" in value;
}

/** An object that says itself how it is printed. */
export interface HasRepr {
  repr(): string;
}

export function hasRepr(value: PyValue): value is PyObject & HasRepr {
  return value instanceof PyObject && "repr" in value;
}

/** The text of a `str`, Markup included; null for everything else. */
export function textOf(value: PyValue): string | null {
  if (typeof value === "string") return value;
  return value instanceof Markup ? value.text : null;
}

/** Name of the value's type, as Python has it. */
export function typeName(value: PyValue): string {
  switch (typeof value) {
    case "string":
      return "str";
    case "boolean":
      return "bool";
    case "number":
    case "bigint":
      return "int";
    default:
  }
  if (value === null) return "NoneType";
  return value instanceof PyObject ? value.typeName : "list";
}

export function isList(value: PyValue): value is readonly PyValue[] {
  return Array.isArray(value);
}
