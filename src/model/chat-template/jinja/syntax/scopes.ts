/**
 * @module Which names each scope of a template hides. Jinja decides where a name lives while it compiles: a name that a scope
 * assigns, and that no scope around it knows, is undefined there until then, even if the caller passed one of that name.
 */
import type { Body, Expr, Parameter, Statement, Target } from "./ast.ts";
import { childrenOf } from "./static-checks.ts";

export interface Scopes {
  /** Names to be set to undefined on entry of the scope of a body. */
  readonly hidden: ReadonlyMap<Body, readonly string[]>;
  /** Of the bodies of macros and call blocks: which special names they read. */
  readonly special: ReadonlyMap<Body, ReadonlySet<string>>;
}

/** `outer`: whatever the scopes around say. */
type Kind = "parameter" | "undefined" | "outer";

const specialNames = ["caller", "kwargs", "varargs"] as const;

export function analyzeScopes(template: Body): Scopes {
  const analysis = new ScopeAnalysis();
  analysis.scope(template, null, (symbols) => symbols.body(template));
  return analysis;
}

class ScopeAnalysis implements Scopes {
  readonly hidden = new Map<Body, readonly string[]>();
  readonly special = new Map<Body, ReadonlySet<string>>();

  /** Analyses the scope of `body`, then those within it. */
  scope(body: Body, parent: Symbols | null, declare: (symbols: Symbols) => void): void {
    const symbols = new Symbols(parent);
    declare(symbols);
    const hidden = symbols.undefinedNames();
    if (hidden.length > 0) this.hidden.set(body, hidden);
    this.#within(body, symbols);
  }

  #within(body: Body, symbols: Symbols): void {
    for (const statement of body) this.#statement(statement, symbols);
  }

  #statement(statement: Statement, symbols: Symbols): void {
    switch (statement.type) {
      case "If":
        for (const branch of statement.branches) this.#within(branch.body, symbols);
        this.#within(statement.otherwise, symbols);
        return;
      case "For":
        this.scope(statement.body, symbols, (inner) => {
          inner.parameter("loop");
          inner.target(statement.target, true);
          inner.body(statement.body);
        });
        this.scope(statement.otherwise, symbols, (inner) => inner.body(statement.otherwise));
        return;
      case "Macro":
      case "CallBlock":
        this.#function(statement, symbols);
        return;
      case "With":
        this.scope(statement.body, symbols, (inner) => {
          for (const target of statement.targets) inner.target(target, true);
          inner.body(statement.body);
        });
        return;
      case "FilterBlock":
        this.scope(statement.body, symbols, (inner) => {
          inner.body(statement.body);
          inner.expr(statement.filter);
        });
        return;
      case "AssignBlock":
      case "Autoescape":
        this.scope(statement.body, symbols, (inner) => inner.body(statement.body));
        return;
      case "Block":
        this.scope(statement.body, null, (inner) => inner.body(statement.body));
        return;
      default:
    }
  }

  #function(
    statement: { readonly parameters: readonly Parameter[]; readonly body: Body },
    symbols: Symbols,
  ): void {
    const taken = new Set(statement.parameters.map(({ name }) => name));
    const read = new Set([...readSpecialNames(statement.body)].filter((name) => !taken.has(name)));
    if (read.size > 0) this.special.set(statement.body, read);
    this.scope(statement.body, symbols, (inner) => {
      for (const { name } of statement.parameters) inner.parameter(name);
      for (const name of read) inner.parameter(name);
      for (const { fallback } of statement.parameters) inner.expr(fallback);
      inner.body(statement.body);
    });
  }
}

/** The names of one scope. `if` has none of its own: what its branches set may be set after it. */
class Symbols {
  readonly #parent: Symbols | null;
  readonly #kinds: Map<string, Kind>;
  readonly #stores: Set<string>;

  constructor(parent: Symbols | null, kinds = new Map<string, Kind>(), stores = new Set<string>()) {
    this.#parent = parent;
    this.#kinds = kinds;
    this.#stores = stores;
  }

  undefinedNames(): readonly string[] {
    return [...this.#kinds].filter(([, kind]) => kind === "undefined").map(([name]) => name);
  }

  parameter(name: string): void {
    this.#stores.add(name);
    this.#kinds.set(name, "parameter");
  }

  body(body: Body): void {
    for (const statement of body) this.#statement(statement);
  }

  target(target: Target, isParameter = false): void {
    if (target.type === "TupleTarget") for (const item of target.items) this.target(item, isParameter);
    else if (target.type === "NamespaceTarget") this.#load(target.name);
    else if (isParameter) this.parameter(target.name);
    else this.#store(target.name);
  }

  expr(expr: Expr | null): void {
    if (expr === null) return;
    if (expr.type === "Name") this.#load(expr.name);
    else for (const child of childrenOf(expr)) this.expr(child);
  }

  #statement(statement: Statement): void {
    switch (statement.type) {
      case "Output":
        for (const item of statement.items) if (typeof item !== "string") this.expr(item);
        return;
      case "If":
        this.#if(statement);
        return;
      case "For":
        this.expr(statement.iterable);
        return;
      case "Macro":
        this.#store(statement.name);
        return;
      case "CallBlock":
        this.expr(statement.call);
        return;
      case "FilterBlock":
        this.expr(statement.filter);
        return;
      case "With":
        for (const value of statement.values) this.expr(value);
        return;
      case "Assign":
        this.expr(statement.value);
        this.target(statement.target);
        return;
      case "AssignBlock":
        this.target(statement.target);
        return;
      case "OtherTemplate":
        this.expr(statement.template);
        for (const name of statement.names) this.#store(name);
        return;
      default:
    }
  }

  #if(statement: Statement & { type: "If" }): void {
    const [first, ...others] = statement.branches;
    if (first === undefined) return;
    this.expr(first.test);
    const then = this.#branch(first.body);
    const elifs = this.#copy();
    for (const { test, body } of others) {
      elifs.expr(test);
      elifs.#merge([elifs.#branch(body)]);
    }
    this.#merge([then, elifs, this.#branch(statement.otherwise)]);
  }

  #branch(body: Body): Symbols {
    const branch = this.#copy();
    branch.body(body);
    return branch;
  }

  /** What only branches store has the value from before the `if` where none of them ran. */
  #merge(branches: readonly Symbols[]): void {
    const stored = new Set(branches.flatMap((branch) => [...branch.#stores]));
    for (const name of this.#stores) stored.delete(name);
    for (const branch of branches) {
      for (const [name, kind] of branch.#kinds) this.#kinds.set(name, kind);
      for (const name of branch.#stores) this.#stores.add(name);
    }
    for (const name of stored) this.#kinds.set(name, "outer");
  }

  #copy(): Symbols {
    return new Symbols(this.#parent, new Map(this.#kinds), new Set(this.#stores));
  }

  #load(name: string): void {
    if (!this.knows(name)) this.#kinds.set(name, "outer");
  }

  #store(name: string): void {
    this.#stores.add(name);
    if (!this.#kinds.has(name))
      this.#kinds.set(name, (this.#parent?.knows(name) ?? false) ? "outer" : "undefined");
  }

  /** Whether this scope or one around it has the name. */
  knows(name: string): boolean {
    return this.#kinds.has(name) || (this.#parent?.knows(name) ?? false);
  }
}

/** Which of the special names the body of a macro reads before it assigns them, also within scopes of its own. */
function readSpecialNames(body: Body): ReadonlySet<string> {
  const sought = new Set<string>(specialNames);
  const read = new Set<string>();
  const visitExpr = (expr: Expr | null): void => {
    if (expr === null) return;
    if (expr.type === "Name" && sought.has(expr.name)) read.add(expr.name);
    for (const child of childrenOf(expr)) visitExpr(child);
  };
  const visitTarget = (target: Target): void => {
    if (target.type === "TupleTarget") for (const item of target.items) visitTarget(item);
    else sought.delete(target.name);
  };
  visitStatements(body, visitExpr, visitTarget, (name) => sought.delete(name));
  return read;
}

/** Visits everything within `body` but blocks, in the order of Jinja's own tree. */
function visitStatements(
  body: Body,
  expr: (expr: Expr | null) => void,
  target: (target: Target) => void,
  parameter: (name: string) => void,
): void {
  const visit = (inner: Body): void => visitStatements(inner, expr, target, parameter);
  for (const statement of body) {
    switch (statement.type) {
      case "Output":
        for (const item of statement.items) if (typeof item !== "string") expr(item);
        break;
      case "If":
        for (const branch of statement.branches) {
          expr(branch.test);
          visit(branch.body);
        }
        visit(statement.otherwise);
        break;
      case "For":
        target(statement.target);
        expr(statement.iterable);
        visit(statement.body);
        visit(statement.otherwise);
        expr(statement.filter);
        break;
      case "Macro":
      case "CallBlock":
        if (statement.type === "CallBlock") expr(statement.call);
        for (const { name } of statement.parameters) parameter(name);
        for (const { fallback } of statement.parameters) expr(fallback);
        visit(statement.body);
        break;
      case "FilterBlock":
        visit(statement.body);
        expr(statement.filter);
        break;
      case "With":
        for (const item of statement.targets) target(item);
        for (const value of statement.values) expr(value);
        visit(statement.body);
        break;
      case "Assign":
        target(statement.target);
        expr(statement.value);
        break;
      case "AssignBlock":
        target(statement.target);
        expr(statement.filter);
        visit(statement.body);
        break;
      case "Autoescape":
        expr(statement.enabled);
        visit(statement.body);
        break;
      default:
    }
  }
}
