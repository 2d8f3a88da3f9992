/** @module What every template may call: `range`, `dict`, `namespace`, `cycler`, `joiner`, `raise_exception`, `strftime_now`. */

import { boundArguments, requireIndex, requireText } from "../operations/arguments.ts";
import { iterate, lengthOrNull } from "../operations/iteration.ts";
import { PyDict } from "../values/dict.ts";
import { PythonError, TemplateLimitError, TemplateRefusal, typeError, valueError } from "../values/errors.ts";
import { repr, str } from "../values/printing.ts";
import { assertDefined } from "../values/undefined.ts";
import {
  BuiltinFunction,
  type Kwargs,
  PyCallable,
  PyObject,
  PyRange,
  type PyValue,
  textOf,
} from "../values/values.ts";
import { dictFromKeys } from "./attributes.ts";
import { strftime } from "./strftime.ts";

/** As in Jinja's own sandbox. */
const maxRange = 100_000;

/** `namespace(…)`: fields that a template may set. */
export class Namespace extends PyObject {
  readonly typeName = "TemplateNamespace";
  readonly #fields = new Map<string, PyValue>();

  constructor(fields: PyDict) {
    super();
    for (const [key, value] of fields.entries()) this.set(textOf(key) ?? str(key), value);
  }

  attribute(name: string): PyValue | undefined {
    return this.#fields.get(name);
  }

  /** Throws SecurityError for a name that begins with an underscore. */
  set(name: string, value: PyValue): void {
    if (name.startsWith("_"))
      throw new PythonError(
        "SecurityError",
        `a namespace has no fields that begin with an underscore, as ${repr(name)}`,
      );
    this.#fields.set(name, value);
  }

  repr(): string {
    return `<TemplateNamespace ${repr(PyDict.ofTexts(this.#fields))}>`;
  }
}

class Cycler extends PyObject {
  readonly typeName = "Cycler";
  readonly #items: readonly PyValue[];
  #at = 0;

  constructor(items: readonly PyValue[]) {
    super();
    if (items.length === 0) throw new PythonError("RuntimeError", "at least one item has to be provided");
    this.#items = items;
  }

  attribute(name: string): PyValue | undefined {
    switch (name) {
      case "current":
        return this.#items[this.#at];
      case "next":
        return new BuiltinFunction(name, () => this.#next());
      case "reset":
        return new BuiltinFunction(name, () => {
          this.#at = 0;
          return null;
        });
      default:
        return undefined;
    }
  }

  #next(): PyValue {
    const item = this.#items[this.#at] ?? null;
    this.#at = (this.#at + 1) % this.#items.length;
    return item;
  }
}

/** Nothing at its first call, the separator at every later one. */
class Joiner extends PyCallable {
  readonly typeName = "Joiner";
  readonly #separator: PyValue;
  #isUsed = false;

  constructor(separator: PyValue) {
    super();
    this.#separator = separator;
  }

  call(): PyValue {
    const text = this.#isUsed ? this.#separator : "";
    this.#isUsed = true;
    return text;
  }
}

/** `dict(…)`, and `dict.fromkeys`. */
class DictFunction extends PyCallable {
  readonly typeName = "TemplateDict";

  call(args: readonly PyValue[], kwargs: Kwargs): PyValue {
    return newDict(args, kwargs);
  }

  attribute(name: string): PyValue | undefined {
    return name === "fromkeys" ? new BuiltinFunction(name, (args) => dictFromKeys(args)) : undefined;
  }
}

/** `now` is the time that `strftime_now` writes. */
export function templateGlobals(now: () => Date): ReadonlyMap<string, PyValue> {
  return new Map<string, PyValue>([
    ["range", new BuiltinFunction("range", boundedRange)],
    ["dict", new DictFunction()],
    ["namespace", new BuiltinFunction("namespace", (args, kwargs) => new Namespace(newDict(args, kwargs)))],
    ["cycler", new BuiltinFunction("cycler", (args) => new Cycler(args))],
    [
      "joiner",
      new BuiltinFunction(
        "joiner",
        (args, kwargs) => new Joiner(boundArguments("joiner", [["sep", ", "]], args, kwargs)[0] ?? null),
      ),
    ],
    ["lipsum", new BuiltinFunction("lipsum", unsupportedLipsum)],
    ["raise_exception", new BuiltinFunction("raise_exception", refuse)],
    ["strftime_now", new BuiltinFunction("strftime_now", (args, kwargs) => dateText(now(), args, kwargs))],
  ]);
}

function boundedRange(args: readonly PyValue[], kwargs: Kwargs): PyRange {
  if (kwargs.size > 0) throw typeError("range() takes no keyword arguments");
  if (args.length < 1 || args.length > 3)
    throw typeError(`range expected 1 to 3 arguments, got ${args.length}`);
  const [first = 0, second, third = 1] = args.map(requireIndex);
  if (third === 0) throw valueError("range() arg 3 must not be zero");
  const range = second === undefined ? new PyRange(0, first, 1) : new PyRange(first, second, third);
  if (range.length > maxRange)
    throw new PythonError(
      "OverflowError",
      `a range of ${range.length} items; at most ${maxRange} are possible`,
    );
  return range;
}

/** `dict(mapping_or_pairs, **fields)`. */
function newDict(args: readonly PyValue[], kwargs: Kwargs): PyDict {
  if (args.length > 1) throw typeError(`dict expected at most 1 argument, got ${args.length}`);
  const [source = null] = args;
  const first = args.length === 0 ? [] : source instanceof PyDict ? source.entries() : pairsOf(source);
  return new PyDict([...first, ...kwargs]);
}

function* pairsOf(source: PyValue): Generator<readonly [PyValue, PyValue]> {
  let at = 0;
  for (const item of iterate(source)) {
    assertDefined(item);
    if (lengthOrNull(item) === null)
      throw typeError(`cannot convert dictionary update sequence element #${at} to a sequence`);
    const [key = null, value = null, ...more] = iterate(item);
    if (more.length > 0 || lengthOrNull(item) !== 2)
      throw valueError(
        `dictionary update sequence element #${at} has length ${lengthOrNull(item)}; 2 is required`,
      );
    yield [key, value];
    at += 1;
  }
}

function refuse(args: readonly PyValue[], kwargs: Kwargs): PyValue {
  const [message = null] = boundArguments("raise_exception", [["message"]], args, kwargs);
  throw new TemplateRefusal(str(message));
}

function dateText(now: Date, args: readonly PyValue[], kwargs: Kwargs): string {
  const [format = null] = boundArguments("strftime_now", [["format"]], args, kwargs);
  return strftime(now, requireText(format, "strftime() argument 1"));
}

function unsupportedLipsum(): PyValue {
  throw new TemplateLimitError("the function 'lipsum' is not supported");
}
