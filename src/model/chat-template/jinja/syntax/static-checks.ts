/** @module What Jinja refuses while it compiles a template: names it does not know, and control flow that leads nowhere. */
import { TemplateSyntaxError } from "../values/errors.ts";
import type { Body, CallArguments, Expr, Statement, Target } from "./ast.ts";

export interface KnownNames {
  readonly filters: ReadonlySet<string>;
  readonly tests: ReadonlySet<string>;
}

/** Where a statement stands. */
interface Place {
  /** Within an `if`, an unknown filter fails only where it is reached. */
  readonly isConditional: boolean;
  /** Within the body of a loop, in the same function. */
  readonly isInLoop: boolean;
  /** Within the body of any loop, where `loop` may not be assigned. */
  readonly loopIsTaken: boolean;
  readonly isTopLevel: boolean;
}

type RareStatement = Extract<
  Statement,
  { readonly type: "Block" | "Autoescape" | "OtherTemplate" | "Break" | "Continue" }
>;

/** Throws TemplateSyntaxError. */
export function checkTemplate(template: Body, known: KnownNames): void {
  new StaticChecks(known).body(template, {
    isConditional: false,
    isInLoop: false,
    loopIsTaken: false,
    isTopLevel: true,
  });
}

class StaticChecks {
  readonly #known: KnownNames;
  readonly #blockNames = new Set<string>();

  constructor(known: KnownNames) {
    this.#known = known;
  }

  body(statements: Body, place: Place): void {
    for (const statement of statements) this.#statement(statement, place);
  }

  #statement(statement: Statement, place: Place): void {
    const inner: Place = { ...place, isConditional: false, isTopLevel: false };
    const apart: Place = { ...inner, isInLoop: false };
    switch (statement.type) {
      case "Output":
        for (const item of statement.items) if (typeof item !== "string") this.#expr(item, place);
        return;
      case "For":
        this.#for(statement, place);
        return;
      case "If": {
        const conditional = { ...place, isConditional: true };
        for (const { test, body } of statement.branches) {
          this.#expr(test, conditional);
          this.body(body, conditional);
        }
        this.body(statement.otherwise, conditional);
        return;
      }
      case "Macro":
        for (const { fallback } of statement.parameters) this.#expr(fallback, apart);
        this.body(statement.body, apart);
        return;
      case "CallBlock":
        for (const { fallback } of statement.parameters) this.#expr(fallback, apart);
        this.body(statement.body, apart);
        this.#expr(statement.call, place);
        return;
      case "FilterBlock":
        this.body(statement.body, inner);
        this.#expr(statement.filter, inner);
        return;
      case "With":
        for (const value of statement.values) this.#expr(value, place);
        this.body(statement.body, inner);
        return;
      case "Assign":
        this.#target(statement.target, place);
        this.#expr(statement.value, place);
        return;
      case "AssignBlock":
        this.#target(statement.target, place);
        this.body(statement.body, inner);
        this.#expr(statement.filter, inner);
        return;
      default:
        this.#rareStatement(statement, place);
    }
  }

  #rareStatement(statement: RareStatement, place: Place): void {
    const inner: Place = { ...place, isConditional: false, isTopLevel: false };
    switch (statement.type) {
      case "Block":
        if (this.#blockNames.has(statement.name))
          throw new TemplateSyntaxError(`block '${statement.name}' defined twice`, statement.line);
        this.#blockNames.add(statement.name);
        this.body(statement.body, { ...inner, isInLoop: false });
        return;
      case "Autoescape":
        this.#expr(statement.enabled, place);
        this.body(statement.body, inner);
        return;
      case "OtherTemplate":
        if (statement.tag === "extends" && !place.isTopLevel)
          throw new TemplateSyntaxError("extends is only possible at the top level", statement.line);
        this.#expr(statement.template, place);
        return;
      case "Break":
      case "Continue":
        if (!place.isInLoop)
          throw new TemplateSyntaxError(
            `'${statement.type.toLowerCase()}' outside of a loop`,
            statement.line,
          );
    }
  }

  #for(statement: Statement & { type: "For" }, place: Place): void {
    const inner: Place = { ...place, isConditional: false, isTopLevel: false };
    const loop: Place = { ...inner, isInLoop: true, loopIsTaken: true };
    this.#target(statement.target, loop);
    this.#expr(statement.iterable, place);
    this.#expr(statement.filter, inner);
    this.body(statement.body, loop);
    this.body(statement.otherwise, {
      ...inner,
      isInLoop: place.isInLoop && !statement.recursive,
      loopIsTaken: true,
    });
  }

  #target(target: Target, place: Place): void {
    if (target.type === "TupleTarget") for (const item of target.items) this.#target(item, place);
    if (target.type === "NameTarget" && target.name === "loop" && place.loopIsTaken)
      throw new TemplateSyntaxError("'loop' cannot be assigned within a loop", target.line);
  }

  #expr(expr: Expr | null, place: Place): void {
    if (expr === null) return;
    switch (expr.type) {
      case "Const":
      case "Name":
        return;
      case "CondExpr": {
        const conditional = { ...place, isConditional: true };
        this.#expr(expr.value, conditional);
        this.#expr(expr.test, conditional);
        this.#expr(expr.otherwise, conditional);
        return;
      }
      case "Filter":
        if (!this.#known.filters.has(expr.name) && !place.isConditional)
          throw new TemplateSyntaxError(`No filter named '${expr.name}'.`, expr.line);
        this.#expr(expr.operand, place);
        this.#arguments(expr, place);
        return;
      case "Test":
        if (!this.#known.tests.has(expr.name) && !place.isConditional)
          throw new TemplateSyntaxError(`No test named '${expr.name}'.`, expr.line);
        this.#expr(expr.operand, place);
        this.#arguments(expr, place);
        return;
      case "Call":
        this.#expr(expr.callee, place);
        this.#arguments(expr, place);
        return;
      default:
        for (const child of childrenOf(expr)) this.#expr(child, place);
    }
  }

  #arguments(call: CallArguments, place: Place): void {
    for (const child of argumentsOf(call)) this.#expr(child, place);
  }
}

export function argumentsOf(call: CallArguments): readonly Expr[] {
  const { dynArgs, dynKwargs } = call;
  return [
    ...call.args,
    ...call.kwargs.map(({ value }) => value),
    ...(dynArgs === null ? [] : [dynArgs]),
    ...(dynKwargs === null ? [] : [dynKwargs]),
  ];
}

/** The expressions directly within another, in the order in which Jinja visits them. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.type) {
    case "Const":
    case "Name":
      return [];
    case "Tuple":
    case "List":
    case "Concat":
      return expr.items;
    case "Dict":
      return expr.pairs.flatMap(({ key, value }) => [key, value]);
    case "CondExpr":
      return present(expr.test, expr.value, expr.otherwise);
    case "And":
    case "Or":
    case "Binary":
      return [expr.left, expr.right];
    case "Not":
    case "Neg":
    case "Pos":
      return [expr.operand];
    case "Compare":
      return [expr.first, ...expr.rest.map(({ operand }) => operand)];
    case "Getattr":
      return [expr.object];
    case "Getitem":
      return [expr.object, expr.index];
    case "Slice":
      return present(expr.object, expr.start, expr.stop, expr.step);
    case "Call":
      return [expr.callee, ...argumentsOf(expr)];
    case "Filter":
    case "Test":
      return [...present(expr.operand), ...argumentsOf(expr)];
  }
}

function present(...exprs: readonly (Expr | null)[]): readonly Expr[] {
  return exprs.filter((expr) => expr !== null);
}
