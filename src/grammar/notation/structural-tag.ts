/** @module Structural tags: free text with parts that must match, as vLLM and XGrammar have them. */
import {
  choice,
  type Expression,
  type Grammar,
  nothing,
  optional,
  repeat,
  rule,
  sequence,
  text,
} from "../expression/expression.ts";
import { GrammarFault } from "../expression/fault.ts";
import { regexExpression } from "../regular/regex.ts";
import { schemaGrammar } from "../schema/schema-grammar.ts";
import { textWithout } from "./free-text.ts";
import { statedGrammar } from "./stated-grammar.ts";

const deepest = 32;
const mostRepetitions = 10_000;

/** Also takes the older form, of `structures` and `triggers`. */
export function structuralTagGrammar(format: unknown): Grammar {
  const compiler = new TagCompiler();
  const root = compiler.expression(withoutEnvelope(format), 0);
  compiler.rules.set("root", root);
  return { rules: compiler.rules, root: "root" };
}

type Fields = Readonly<Record<string, unknown>>;

function withoutEnvelope(format: unknown): unknown {
  if (!isFields(format)) return format;
  if (format.type === "structural_tag" && "format" in format) return format.format;
  if (!Array.isArray(format.structures)) return format;
  return {
    type: "triggered_tags",
    triggers: format.triggers,
    tags: format.structures.map((one: unknown) => {
      const { begin, schema, end } = isFields(one) ? one : ({} as Fields);
      return { begin, content: { type: "json_schema", json_schema: schema }, end };
    }),
  };
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

class TagCompiler {
  readonly rules = new Map<string, Expression>();
  #numGrammars = 0;

  expression(format: unknown, depth: number): Expression {
    if (depth > deepest) throw wrong(`it is nested more than ${deepest} deep`);
    if (!isFields(format)) throw wrong("a format is not an object");
    const inner = (one: unknown): Expression => this.expression(one, depth + 1);
    switch (format.type) {
      case "const_string":
        return text(textOf(format, "value"));
      case "optional":
        return optional(inner(format.content));
      case "plus":
        return repeat(inner(format.content), 1, null);
      case "star":
        return repeat(inner(format.content), 0, null);
      case "repeat":
        return repeat(inner(format.content), ...boundsOf(format));
      case "dispatch":
        return this.#dispatched(format, depth);
      case "json_schema":
        refuseSettings(format, ["any_order", "excludes", "max_whitespace_cnt"]);
        if ((format.style ?? "json") !== "json")
          throw wrong(`the style ${JSON.stringify(format.style)} is not known`);
        return this.#included(schemaGrammar(format.json_schema));
      case "regex":
        return regexExpression(textOf(format, "pattern"), { whole: true });
      case "grammar":
        return this.#included(statedGrammar(textOf(format, "grammar")));
      case "any_text":
        refuseSettings(format, ["max_chars", "max_tokens"]);
        return textWithout(excludesOf(format));
      case "sequence":
        return sequence(...this.#elements(listOf(format, "elements"), depth));
      case "or":
        return choice(...listOf(format, "elements").map(inner));
      case "tag":
        return this.#tag(format, depth);
      case "triggered_tags":
        return this.#triggered(format, depth);
      case "tags_with_separator":
        return this.#separated(format, depth);
      default:
        throw wrong(`the type ${JSON.stringify(format.type)} is not known`);
    }
  }

  /** Free text before another element ends where that one begins. */
  #elements(elements: readonly unknown[], depth: number): readonly Expression[] {
    return elements.map((element, i) => {
      const next = elements[i + 1];
      if (isFields(element) && element.type === "any_text" && isFields(next)) {
        const begin =
          next.type === "tag" ? next.begin : next.type === "const_string" ? next.value : undefined;
        if (typeof begin === "string" && begin !== "") return textWithout([begin, ...excludesOf(element)]);
      }
      return this.expression(element, depth + 1);
    });
  }

  /** Rules of another grammar under names of their own. */
  #included({ rules, root }: Grammar): Expression {
    const prefix = `${this.#numGrammars++}/`;
    for (const [name, body] of rules) this.rules.set(prefix + name, renamed(body, prefix));
    return rule(prefix + root);
  }

  #tag(tag: Fields, depth: number): Expression {
    const [begin, ends] = [textOf(tag, "begin"), endsOf(tag)];
    const { content } = tag;
    const isFree = isFields(content) && content.type === "any_text";
    const body = isFree
      ? textWithout([...ends, ...excludesOf(content)].filter((end) => end !== ""))
      : this.expression(content, depth + 1);
    return sequence(
      begin === "" ? nothing : text(begin),
      body,
      choice(...ends.map((end) => (end === "" ? nothing : text(end)))),
    );
  }

  #triggered(format: Fields, depth: number): Expression {
    const triggers = listOf(format, "triggers").map((trigger) => {
      if (typeof trigger !== "string" || trigger === "") throw wrong("a trigger is not a text");
      return trigger;
    });
    const tags = listOf(format, "tags").map((tag) => {
      if (!isFields(tag)) throw wrong("a tag is not an object");
      const begin = textOf(tag, "begin");
      if (!triggers.some((trigger) => begin.startsWith(trigger)))
        throw wrong(`the tag '${begin.slice(0, 60)}' begins with no trigger`);
      return this.#tag(tag, depth + 1);
    });
    const free = textWithout([...triggers, ...excludesOf(format)]);
    const tag = choice(...tags);
    const [atLeastOne, stopAfterFirst] = [format.at_least_one === true, format.stop_after_first === true];
    if (stopAfterFirst) return atLeastOne ? tag : sequence(free, optional(tag));
    return sequence(...(atLeastOne ? [tag] : []), free, repeat(sequence(tag, free), 0, null));
  }

  /** Free text in which each pattern is followed by its format. */
  #dispatched(format: Fields, depth: number): Expression {
    const rules = listOf(format, "rules").map((pair): readonly [string, Expression] => {
      const [pattern, content] = Array.isArray(pair) ? pair : [];
      if (typeof pattern !== "string" || pattern === "") throw wrong("a rule has no text as its pattern");
      return [pattern, this.expression(content, depth + 1)];
    });
    const free = textWithout([...rules.map(([pattern]) => pattern), ...excludesOf(format)]);
    const part = choice(...rules.map(([pattern, content]) => sequence(text(pattern), content)));
    if (format.loop === false) return sequence(free, optional(part));
    return sequence(free, repeat(sequence(part, free), 0, null));
  }

  #separated(format: Fields, depth: number): Expression {
    const separator = textOf(format, "separator");
    const tag = choice(
      ...listOf(format, "tags").map((one) => this.#tag(isFields(one) ? one : {}, depth + 1)),
    );
    const more = repeat(sequence(separator === "" ? nothing : text(separator), tag), 0, null);
    const all = format.stop_after_first === true ? tag : sequence(tag, more);
    return format.at_least_one === true ? all : optional(all);
  }
}

function renamed(expression: Expression, prefix: string): Expression {
  switch (expression.kind) {
    case "rule":
      return rule(prefix + expression.name);
    case "sequence":
      return { kind: "sequence", parts: expression.parts.map((part) => renamed(part, prefix)) };
    case "choice":
      return { kind: "choice", options: expression.options.map((option) => renamed(option, prefix)) };
    case "repeat":
      return { ...expression, body: renamed(expression.body, prefix) };
    default:
      return expression;
  }
}

/** Fields that would narrow the texts and that nothing here enforces. */
function refuseSettings(format: Fields, names: readonly string[]): void {
  const stated = names.find((name) => {
    const value = format[name] ?? null;
    return value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
  });
  if (stated !== undefined) throw wrong(`'${stated}' of '${String(format.type)}' is not supported`);
}

/** `max` -1: without limit. */
function boundsOf({ min, max }: Fields): [min: number, max: number | null] {
  const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;
  if (isCount(min) && max === -1) return [min, null];
  if (isCount(min) && isCount(max) && min <= max && max <= mostRepetitions) return [min, max];
  throw wrong(`'min' and 'max' are not numbers of repetitions, at most ${mostRepetitions}`);
}

function textOf(format: Fields, field: string): string {
  const value = format[field];
  if (typeof value === "string") return value;
  throw wrong(`'${field}' is not a text`);
}

function listOf(format: Fields, field: string): readonly unknown[] {
  const value = format[field];
  if (Array.isArray(value) && value.length > 0) return value;
  throw wrong(`'${field}' is not a list with at least one entry`);
}

function endsOf(tag: Fields): readonly string[] {
  const ends = Array.isArray(tag.end) ? tag.end : [tag.end];
  if (ends.length > 0 && ends.every((end) => typeof end === "string")) return ends;
  throw wrong("'end' is not a text");
}

function excludesOf({ excludes }: Fields): readonly string[] {
  if (excludes === undefined || excludes === null) return [];
  if (Array.isArray(excludes) && excludes.every((one) => typeof one === "string" && one !== ""))
    return excludes;
  throw wrong("'excludes' is not a list of texts");
}

function wrong(what: string): GrammarFault {
  return new GrammarFault(
    `The structural tag is wrong: ${what}.`,
    "See XGrammar's documentation of structural tags.",
  );
}
