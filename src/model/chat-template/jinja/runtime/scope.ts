/** @module Names and their values, each scope within another. */
import { Undefined } from "../values/undefined.ts";
import type { PyValue } from "../values/values.ts";

/** In place of a value: the name belongs to the scope, and nothing has been assigned yet. */
const unassigned = Symbol("unassigned");

export class Scope {
  readonly #parent: Scope | null;
  readonly #values = new Map<string, PyValue | typeof unassigned>();

  /** `hidden` names are undefined until they are set, whatever the scopes around say. */
  constructor(parent: Scope | null, hidden: readonly string[] = []) {
    this.#parent = parent;
    for (const name of hidden) this.#values.set(name, unassigned);
  }

  set(name: string, value: PyValue): void {
    this.#values.set(name, value);
  }

  get(name: string): PyValue {
    let scope: Scope | null = this;
    while (scope !== null) {
      const value = scope.#values.get(name);
      if (value !== undefined) return value === unassigned ? Undefined.ofName(name) : (value as PyValue);
      scope = scope.#parent;
    }
    return Undefined.ofName(name);
  }
}
