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
import { gbnfGrammar } from "./gbnf.ts";

const deepest = 32;

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
      case "json_schema":
        return this.#included(schemaGrammar(format.json_schema));
      case "regex":
        return regexExpression(textOf(format, "pattern"), { whole: true });
      case "grammar":
        return this.#included(gbnfGrammar(textOf(format, "grammar")));
      case "any_text":
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
