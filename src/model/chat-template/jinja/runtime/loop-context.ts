/** @module `loop`: what the body of a `for` knows of its iteration. */

import { equals } from "../operations/comparison.ts";
import { lengthOrNull } from "../operations/iteration.ts";
import { typeError } from "../values/errors.ts";
import { Undefined } from "../values/undefined.ts";
import { BuiltinFunction, type Kwargs, PyCallable, PyTuple, type PyValue } from "../values/values.ts";

/** Renders the loop's body over another iterable, one level deeper. */
type Recurse = (iterable: PyValue, depth: number) => PyValue;

export class LoopContext extends PyCallable {
  readonly typeName = "LoopContext";
  readonly #depth0: number;
  readonly #recurse: Recurse | null;
  #items: Iterator<PyValue>;
  #length: number | null;
  #index0 = -1;
  #previous: PyValue | undefined;
  #current: PyValue | undefined;
  /** The next item, where it has been looked at already. */
  #after: IteratorResult<PyValue> | null = null;
  #lastChanged: PyTuple | null = null;

  /** `source` is what the loop goes through where it has a length; `items` are gone through one by one. */
  constructor(
    items: Iterable<PyValue>,
    source: PyValue | undefined,
    depth0: number,
    recurse: Recurse | null,
  ) {
    super();
    this.#items = items[Symbol.iterator]();
    this.#length = source === undefined ? null : lengthOrNull(source);
    this.#depth0 = depth0;
    this.#recurse = recurse;
  }

  get length(): number {
    if (this.#length === null) {
      const rest = [...remaining(this.#items)];
      this.#items = rest[Symbol.iterator]();
      const numSeen = this.#index0 + 1 + (this.#after === null || this.#after.done ? 0 : 1);
      this.#length = rest.length + numSeen;
    }
    return this.#length;
  }

  /** Goes to the next item; undefined behind the last. */
  advance(): { readonly item: PyValue } | undefined {
    const result = this.#peek();
    this.#after = null;
    if (result.done) return undefined;
    this.#index0 += 1;
    this.#previous = this.#current;
    this.#current = result.value;
    return { item: result.value };
  }

  attribute(name: string): PyValue | undefined {
    switch (name) {
      case "index":
        return this.#index0 + 1;
      case "index0":
        return this.#index0;
      case "first":
        return this.#index0 === 0;
      case "last":
        return this.#peek().done ?? false;
      case "length":
        return this.length;
      case "revindex":
        return this.length - this.#index0;
      case "revindex0":
        return this.length - this.#index0 - 1;
      case "depth":
        return this.#depth0 + 1;
      case "depth0":
        return this.#depth0;
      case "previtem":
        return this.#index0 === 0
          ? new Undefined(() => "there is no previous item")
          : (this.#previous ?? null);
      case "nextitem": {
        const next = this.#peek();
        return next.done ? new Undefined(() => "there is no next item") : next.value;
      }
      case "cycle":
        return new BuiltinFunction(name, (args) => this.#cycle(args));
      case "changed":
        return new BuiltinFunction(name, (args) => this.#changed(args));
      default:
        return undefined;
    }
  }

  /** What is left of the loop, each item with `loop` itself: going through it moves the loop on. */
  *items(): Generator<PyValue> {
    for (let next = this.advance(); next !== undefined; next = this.advance())
      yield new PyTuple([next.item, this]);
  }

  call(args: readonly PyValue[], kwargs: Kwargs): PyValue {
    const [iterable] = args;
    if (iterable === undefined || args.length > 1 || kwargs.size > 0)
      throw typeError("loop() takes one positional argument, what to loop over");
    if (this.#recurse === null)
      throw typeError("The loop must have the 'recursive' marker to be called recursively.");
    return this.#recurse(iterable, this.#depth0 + 1);
  }

  repr(): string {
    return `<LoopContext ${this.#index0 + 1}/${this.length}>`;
  }

  #peek(): IteratorResult<PyValue> {
    this.#after ??= this.#items.next();
    return this.#after;
  }

  #cycle(args: readonly PyValue[]): PyValue {
    if (args.length === 0) throw typeError("no items for cycling given");
    return args[this.#index0 % args.length] ?? null;
  }

  /** Whether the values differ from those of the last call. */
  #changed(args: readonly PyValue[]): boolean {
    const values = new PyTuple(args);
    if (this.#lastChanged !== null && equals(this.#lastChanged, values)) return false;
    this.#lastChanged = values;
    return true;
  }
}

function* remaining(items: Iterator<PyValue>): Generator<PyValue> {
  for (let result = items.next(); !result.done; result = items.next()) yield result.value;
}
