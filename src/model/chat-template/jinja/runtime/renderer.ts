/** @module Runs the statements of a template. */

import { isTrue } from "../operations/comparison.ts";
import { iterate, lengthOrNull } from "../operations/iteration.ts";
import { escapeMarkup } from "../operations/markup.ts";
import type {
  AssignBlock,
  Autoescape,
  Block,
  Body,
  CallBlock,
  Expr,
  For,
  Output,
  Parameter,
  Statement,
  Target,
} from "../syntax/ast.ts";
import type { Scopes } from "../syntax/scopes.ts";
import { chargeSteps, chargeText, deeper } from "../values/bounds.ts";
import { PythonError, TemplateLimitError, typeError, valueError } from "../values/errors.ts";
import { str } from "../values/printing.ts";
import { Undefined } from "../values/undefined.ts";
import {
  BuiltinFunction,
  isList,
  Markup,
  PyObject,
  type PyValue,
  textOf,
  typeName,
} from "../values/values.ts";
import { ExpressionEvaluator } from "./expressions.ts";
import { Namespace } from "./globals.ts";
import { LoopContext } from "./loop-context.ts";
import { MacroFunction, type MacroValues } from "./macro.ts";
import { Scope } from "./scope.ts";

/** How a body ended: at its end, or by a `break` or `continue` for the loop around it. */
type Ending = "end" | "break" | "continue";

/** `blocks` are the template's, by name. */
export function renderTemplate(
  template: Body,
  scopes: Scopes,
  blocks: ReadonlyMap<string, Block>,
  variables: Scope,
): string {
  return new Renderer(scopes, blocks).template(template, variables);
}

class Renderer {
  readonly #scopes: Scopes;
  readonly #blocks: ReadonlyMap<string, Block>;
  readonly #expressions = new ExpressionEvaluator();
  #output: string[] = [];
  #root: Scope = new Scope(null);

  constructor(scopes: Scopes, blocks: ReadonlyMap<string, Block>) {
    this.#scopes = scopes;
    this.#blocks = blocks;
  }

  template(body: Body, variables: Scope): string {
    this.#root = this.#inner(body, variables);
    this.#root.set(
      "self",
      new TemplateReference(this.#blocks, (block) => this.#blockText(block, this.#root)),
    );
    return this.#captured(() => this.#run(body, this.#root));
  }

  #inner(body: Body, parent: Scope): Scope {
    return new Scope(parent, this.#scopes.hidden.get(body));
  }

  #run(body: Body, scope: Scope): Ending {
    for (const statement of body) {
      const ending = this.#statement(statement, scope);
      if (ending !== "end") return ending;
    }
    return "end";
  }

  /** The text that `render` writes. */
  #captured(render: () => void): string {
    const outer = this.#output;
    this.#output = [];
    try {
      render();
      return this.#output.join("");
    } finally {
      this.#output = outer;
    }
  }

  #statement(statement: Statement, scope: Scope): Ending {
    chargeSteps(1);
    switch (statement.type) {
      case "Output":
        this.#print(statement, scope);
        return "end";
      case "If":
        for (const { test, body } of statement.branches)
          if (isTrue(this.#expressions.evaluate(test, scope))) return this.#run(body, scope);
        return this.#run(statement.otherwise, scope);
      case "For":
        return this.#for(statement, scope);
      case "Assign":
        assertNamespaces(statement.target, scope);
        assign(statement.target, this.#expressions.evaluate(statement.value, scope), scope);
        return "end";
      case "AssignBlock":
        return this.#assignBlock(statement, scope);
      case "Macro":
        scope.set(statement.name, this.#macro(statement.name, statement, scope));
        return "end";
      case "CallBlock":
        return this.#callBlock(statement, scope);
      case "FilterBlock": {
        const inner = this.#inner(statement.body, scope);
        const [text, ending] = this.#capturedBody(statement.body, inner);
        if (ending === "end") this.#writeText(this.#expressions.filter(statement.filter, inner, text));
        return ending;
      }
      case "With": {
        const inner = this.#inner(statement.body, scope);
        for (const [i, target] of statement.targets.entries()) {
          const value = statement.values[i];
          if (value !== undefined) assign(target, this.#expressions.evaluate(value, scope), inner);
        }
        return this.#run(statement.body, inner);
      }
      case "Autoescape":
        return this.#autoescape(statement, scope);
      case "Block":
        if (statement.required)
          throw new PythonError("TemplateRuntimeError", `Required block '${statement.name}' not found`);
        this.#output.push(this.#blockText(statement, statement.scoped ? scope : this.#root));
        return "end";
      case "OtherTemplate":
        throw new TemplateLimitError(`'${statement.tag}' needs other templates, of which there are none`);
      case "Break":
        return "break";
      case "Continue":
        return "continue";
    }
  }

  #print(statement: Output, scope: Scope): void {
    for (const item of statement.items) {
      if (typeof item === "string") {
        chargeText(item.length);
        this.#output.push(item);
      } else this.#write(this.#expressions.evaluate(item, scope));
    }
  }

  #write(value: PyValue): void {
    const text = this.#expressions.autoescape ? escapeMarkup(value).text : str(value);
    chargeText(text.length);
    this.#output.push(text);
  }

  /** What a filter block or a call gives has to be text: Jinja does not print it. */
  #writeText(value: PyValue): void {
    const text = textOf(value);
    if (text === null) throw typeError(`expected str instance, ${typeName(value)} found`);
    chargeText(text.length);
    this.#output.push(text);
  }

  /** A text as a value: safe where texts are escaped by themselves. */
  #asValue(text: string): PyValue {
    return this.#expressions.autoescape ? new Markup(text) : text;
  }

  #for(statement: For, scope: Scope): Ending {
    const iterable = this.#expressions.evaluate(statement.iterable, scope);
    if (!statement.recursive) return this.#loop(statement, scope, iterable, 0);
    this.#write(this.#recursiveLoop(statement, scope, iterable, 0));
    return "end";
  }

  #recursiveLoop(statement: For, scope: Scope, iterable: PyValue, depth0: number): PyValue {
    return deeper(() => this.#asValue(this.#captured(() => this.#loop(statement, scope, iterable, depth0))));
  }

  /** `break` ends it; so does an ending of its `else` that is for the loop around it. */
  #loop(statement: For, scope: Scope, iterable: PyValue, depth0: number): Ending {
    const { filter, body, target } = statement;
    const items = filter === null ? iterate(iterable) : this.#selected(statement, filter, scope, iterable);
    const recurse = statement.recursive
      ? (inner: PyValue, depth: number): PyValue => this.#recursiveLoop(statement, scope, inner, depth)
      : null;
    const loop = new LoopContext(items, filter === null ? iterable : undefined, depth0, recurse);
    let hasCompleted = false;
    for (let next = loop.advance(); next !== undefined; next = loop.advance()) {
      const inner = this.#inner(body, scope);
      inner.set("loop", loop);
      assign(target, next.item, inner);
      const ending = this.#run(body, inner);
      if (ending === "break") break;
      hasCompleted ||= ending === "end";
    }
    // As Jinja has it: a loop whose every iteration was left early counts as one that had none.
    if (hasCompleted || statement.otherwise.length === 0) return "end";
    return this.#run(statement.otherwise, this.#inner(statement.otherwise, scope));
  }

  *#selected(statement: For, filter: Expr, scope: Scope, iterable: PyValue): Generator<PyValue> {
    for (const item of iterate(iterable)) {
      const inner = new Scope(scope);
      assign(statement.target, item, inner);
      if (isTrue(this.#expressions.evaluate(filter, inner))) yield item;
    }
  }

  #capturedBody(body: Body, scope: Scope): readonly [text: string, ending: Ending] {
    let ending: Ending = "end";
    const text = this.#captured(() => {
      ending = this.#run(body, scope);
    });
    return [text, ending];
  }

  #assignBlock(statement: AssignBlock, scope: Scope): Ending {
    const inner = this.#inner(statement.body, scope);
    const [text, ending] = this.#capturedBody(statement.body, inner);
    if (ending !== "end") return ending;
    assertNamespaces(statement.target, scope);
    const { filter } = statement;
    const value = filter === null ? text : this.#expressions.filter(filter, inner, text);
    const isMarked = this.#expressions.autoescape && !(value instanceof Markup);
    assign(statement.target, isMarked ? new Markup(str(value)) : value, scope);
    return "end";
  }

  #macro(
    name: string | null,
    definition: { readonly parameters: readonly Parameter[]; readonly body: Body },
    scope: Scope,
  ): MacroFunction {
    const { parameters, body } = definition;
    return new MacroFunction({
      name,
      parameters,
      special: this.#scopes.special.get(body) ?? new Set(),
      render: (values) =>
        this.#asValue(this.#captured(() => this.#runMacro(parameters, body, scope, values))),
    });
  }

  #runMacro(parameters: readonly Parameter[], body: Body, scope: Scope, values: MacroValues): void {
    const hidden = this.#scopes.hidden.get(body) ?? [];
    const inner = new Scope(scope, [...hidden, ...parameters.map(({ name }) => name)]);
    for (const [name, value] of values) inner.set(name, value);
    for (const { name, fallback } of parameters) {
      if (values.has(name)) continue;
      const value =
        fallback === null
          ? new Undefined(() => `parameter '${name}' was not provided`)
          : this.#expressions.evaluate(fallback, inner);
      inner.set(name, value);
    }
    this.#run(body, inner);
  }

  #callBlock(statement: CallBlock, scope: Scope): Ending {
    const caller = this.#macro(null, statement, scope);
    const value =
      statement.call === null
        ? caller.call([], new Map())
        : this.#expressions.call(statement.call, scope, new Map([["caller", caller]]));
    this.#writeText(value);
    return "end";
  }

  #autoescape(statement: Autoescape, scope: Scope): Ending {
    const inner = this.#inner(statement.body, scope);
    const outer = this.#expressions.autoescape;
    this.#expressions.autoescape = isTrue(this.#expressions.evaluate(statement.enabled, inner));
    try {
      return this.#run(statement.body, inner);
    } finally {
      this.#expressions.autoescape = outer;
    }
  }

  #blockText(block: Block, scope: Scope): string {
    return deeper(() => {
      const inner = this.#inner(block.body, scope);
      inner.set("super", new Undefined(() => `there is no parent block called '${block.name}'.`));
      return this.#captured(() => this.#run(block.body, inner));
    });
  }
}

/** `self`: the template's blocks, to be called. */
class TemplateReference extends PyObject {
  readonly typeName = "TemplateReference";
  readonly #blocks: ReadonlyMap<string, Block>;
  readonly #render: (block: Block) => string;

  constructor(blocks: ReadonlyMap<string, Block>, render: (block: Block) => string) {
    super();
    this.#blocks = blocks;
    this.#render = render;
  }

  attribute(name: string): PyValue | undefined {
    const block = this.#blocks.get(name);
    return block === undefined ? undefined : new BuiltinFunction(name, () => this.#render(block));
  }

  repr(): string {
    return "<TemplateReference None>";
  }
}

/** Jinja looks at every namespace of a target before it evaluates what is assigned. */
function assertNamespaces(target: Target, scope: Scope): void {
  if (target.type === "TupleTarget") for (const item of target.items) assertNamespaces(item, scope);
  if (target.type === "NamespaceTarget" && !(scope.get(target.name) instanceof Namespace))
    throw new PythonError("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
}

function assign(target: Target, value: PyValue, scope: Scope): void {
  switch (target.type) {
    case "NameTarget":
      scope.set(target.name, value);
      return;
    case "NamespaceTarget": {
      const namespace = scope.get(target.name);
      if (namespace instanceof Namespace) namespace.set(target.field, value);
      return;
    }
    case "TupleTarget":
      unpack(target.items, value, scope);
      return;
  }
}

function unpack(targets: readonly Target[], value: PyValue, scope: Scope): void {
  const items = isList(value) ? value : unpackedItems(value, targets.length);
  if (items.length > targets.length)
    throw valueError(`too many values to unpack (expected ${targets.length})`);
  if (items.length < targets.length)
    throw valueError(`not enough values to unpack (expected ${targets.length}, got ${items.length})`);
  for (const [i, target] of targets.entries()) assign(target, items[i] ?? null, scope);
}

/** As many items as are wanted, and one more where there are more. */
function unpackedItems(value: PyValue, numWanted: number): readonly PyValue[] {
  const items: PyValue[] = [];
  try {
    for (const item of iterate(value)) {
      items.push(item);
      if (items.length > numWanted) break;
    }
  } catch (cause) {
    if (lengthOrNull(value) !== null || !(value === null || typeof value !== "object")) throw cause;
    throw typeError(`cannot unpack non-iterable ${typeName(value)} object`);
  }
  return items;
}
