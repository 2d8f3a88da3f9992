/** @module Macros, and the bodies of `{% call %}`: texts with parameters. */

import type { Parameter } from "../syntax/ast.ts";
import { deeper } from "../values/bounds.ts";
import { PyDict } from "../values/dict.ts";
import { typeError } from "../values/errors.ts";
import { repr } from "../values/printing.ts";
import { Undefined } from "../values/undefined.ts";
import { type Kwargs, PyCallable, PyTuple, type PyValue } from "../values/values.ts";

/** One value for each name that the body reads; a parameter without one is left out. */
export type MacroValues = ReadonlyMap<string, PyValue>;

export interface MacroDefinition {
  /** null for the body of a call block. */
  readonly name: string | null;
  readonly parameters: readonly Parameter[];
  /** Of `caller`, `kwargs` and `varargs`, those that the body reads. */
  readonly special: ReadonlySet<string>;
  render(values: MacroValues): PyValue;
}

export class MacroFunction extends PyCallable {
  readonly typeName = "Macro";
  readonly #definition: MacroDefinition;

  constructor(definition: MacroDefinition) {
    super();
    this.#definition = definition;
  }

  call(args: readonly PyValue[], kwargs: Kwargs): PyValue {
    const values = this.#values(args, new Map(kwargs));
    return deeper(() => this.#definition.render(values));
  }

  attribute(name: string): PyValue | undefined {
    const { parameters, special } = this.#definition;
    switch (name) {
      case "name":
        return this.#definition.name;
      case "arguments":
        return new PyTuple(parameters.map((parameter) => parameter.name));
      case "catch_kwargs":
        return special.has("kwargs");
      case "catch_varargs":
        return special.has("varargs");
      case "caller":
        return special.has("caller");
      default:
        return undefined;
    }
  }

  repr(): string {
    const { name } = this.#definition;
    return `<Macro ${name === null ? "anonymous" : repr(name)}>`;
  }

  /** As Jinja's `Macro.__call__` hands out arguments. `kwargs` is used up. */
  #values(args: readonly PyValue[], kwargs: Map<string, PyValue>): MacroValues {
    const { parameters, special } = this.#definition;
    const values = new Map<string, PyValue>();
    const take = (name: string): PyValue | undefined => {
      const value = kwargs.get(name);
      kwargs.delete(name);
      return value;
    };
    for (const [i, { name }] of parameters.entries()) {
      const value = i < args.length ? args[i] : take(name);
      if (value !== undefined) values.set(name, value);
    }
    const takesCaller = special.has("caller") && !parameters.some(({ name }) => name === "caller");
    if (takesCaller) values.set("caller", take("caller") ?? new Undefined(() => "No caller defined"));
    const title = this.#definition.name === null ? "None" : repr(this.#definition.name);
    if (special.has("kwargs")) values.set("kwargs", PyDict.ofTexts(kwargs));
    else if (kwargs.size > 0)
      throw typeError(`macro ${title} takes no keyword argument ${repr([...kwargs.keys()][0] ?? "")}`);
    if (special.has("varargs")) values.set("varargs", new PyTuple(args.slice(parameters.length)));
    else if (args.length > parameters.length)
      throw typeError(`macro ${title} takes not more than ${parameters.length} argument(s)`);
    return values;
  }
}
