/** @module Jinja templates with Python's semantics, as transformers' environment for chat templates has them. */

import { filters } from "./runtime/filters.ts";
import { templateGlobals } from "./runtime/globals.ts";
import { renderTemplate } from "./runtime/renderer.ts";
import { Scope } from "./runtime/scope.ts";
import { tests } from "./runtime/tests.ts";
import type { Block, Body } from "./syntax/ast.ts";
import { analyzeScopes, type Scopes } from "./syntax/scopes.ts";
import { parseTemplate } from "./syntax/statement-parser.ts";
import { checkTemplate } from "./syntax/static-checks.ts";
import { blocksOf } from "./syntax/walk.ts";
import { type RenderLimits, withinLimits } from "./values/bounds.ts";
import { TemplateLimitError } from "./values/errors.ts";
import { fromJson, textUnitsIn } from "./values/from-json.ts";

/** What a render may use: so much, and so much for every UTF-16 unit of text in its variables. */
export interface TemplateLimits {
  /** Nodes evaluated and items gone through. */
  readonly baseSteps: number;
  readonly stepsPerUnit: number;
  /** UTF-16 units of text made. */
  readonly baseTextUnits: number;
  readonly textUnitsPerUnit: number;
  /** Macros, recursive loops and callers within each other. */
  readonly maxCallDepth: number;
}

const known = { filters: new Set(Object.keys(filters)), tests: new Set(Object.keys(tests)) };

export class JinjaTemplate {
  /** The syntax tree, for who wants to know what the template does with its variables. */
  readonly body: Body;
  readonly #scopes: Scopes;
  readonly #blocks: ReadonlyMap<string, Block>;

  /** Throws TemplateSyntaxError where the source is not a template. */
  constructor(source: string) {
    this.body = withoutStackOverflow(() => parseTemplate(source));
    checkTemplate(this.body, known);
    this.#scopes = analyzeScopes(this.body);
    this.#blocks = blocksOf(this.body);
  }

  /**
   * `variables` are values as JSON has them. Throws TemplateRefusal where the template calls `raise_exception`, PythonError
   * where Python or Jinja would raise, and TemplateLimitError beyond `limits` and for what is not supported.
   */
  render(
    variables: Readonly<Record<string, unknown>>,
    limits: TemplateLimits,
    now: () => Date = () => new Date(),
  ): string {
    return withoutStackOverflow(() => {
      const globals = new Scope(null);
      for (const [name, value] of templateGlobals(now)) globals.set(name, value);
      for (const [name, value] of Object.entries(variables)) globals.set(name, fromJson(value));
      return withinLimits(renderLimits(limits, textUnitsIn(variables)), () =>
        renderTemplate(this.body, this.#scopes, this.#blocks, globals),
      );
    });
  }
}

function renderLimits(limits: TemplateLimits, numUnits: number): RenderLimits {
  return {
    maxSteps: limits.baseSteps + limits.stepsPerUnit * numUnits,
    maxTextUnits: limits.baseTextUnits + limits.textUnitsPerUnit * numUnits,
    maxCallDepth: limits.maxCallDepth,
  };
}

/** A stack that is used up, or a text longer than JavaScript has, is a limit like the others. */
function withoutStackOverflow<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new TemplateLimitError(
      /stack/i.test(cause.message) ? "values or calls nested too deep" : "a text or list that is too long",
    );
  }
}
