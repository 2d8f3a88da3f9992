/** @module Content of messages as one text or as a list of parts, by what the template does with it. */
import type { ChatMessage } from "../../core/generation.ts";
import type { Body, Expr, For, Target } from "./jinja/syntax/ast.ts";
import { allStatements } from "./jinja/syntax/walk.ts";

/**
 * What a template is given as content.
 *
 * - `parts`: a list of parts, always; it goes through the content of messages part by part.
 * - `as sent`: a text or a list, as the request had it; it goes through some `content` itself, elsewhere.
 * - `text`: one text, always.
 */
export type ContentFormat = "parts" | "as sent" | "text";

/** Messages with their content in the form that the template expects. */
export function withContentFormat(
  messages: readonly ChatMessage[],
  format: ContentFormat,
): readonly ChatMessage[] {
  switch (format) {
    case "parts":
      return messages.map(withParts);
    case "as sent":
      return messages;
    case "text":
      return messages.map(withJoinedParts);
  }
}

function withParts(message: ChatMessage): ChatMessage {
  const { content } = message;
  return typeof content === "string" ? { ...message, content: [{ type: "text", text: content }] } : message;
}

/** Parts as one text, a line each, as vLLM joins them. */
function withJoinedParts(message: ChatMessage): ChatMessage {
  const { content } = message;
  if (content === null || content === undefined || typeof content === "string") return message;
  return { ...message, content: content.map(({ text }) => text).join("\n") };
}

/**
 * `parts` where vLLM finds a loop over the content of a message that itself comes from a loop over `messages`; `as sent`
 * where there is any loop over something called `content`, as in the macros of some templates.
 */
export function contentFormatOf(template: Body): ContentFormat {
  const loops = [...allStatements(template)].filter((statement) => statement.type === "For");
  const messageLists = assignedFrom(template, ["messages"]);
  const messages = loops
    .filter(({ iterable }) => messageLists.some((name) => isFrom(iterable, name)))
    .flatMap(({ target }) => (target.type === "NameTarget" ? [target.name] : []));
  if (loops.some(({ iterable }) => messages.some((name) => isFrom(iterable, name, "content"))))
    return "parts";
  return loopsOverContent(template, loops) ? "as sent" : "text";
}

/** `names`, and every variable that is set from one of them, or from a filter or slice of it. */
function assignedFrom(template: Body, names: readonly string[]): readonly string[] {
  const found = [...names];
  for (let at = 0; at < found.length; at += 1)
    for (const { name, value } of assignmentsOf(template))
      if (isFrom(value, found[at] ?? "") && !found.includes(name)) found.push(name);
  return found;
}

function assignmentsOf(template: Body): readonly { readonly name: string; readonly value: Expr }[] {
  return [...allStatements(template)].flatMap((statement) =>
    statement.type === "Assign" ? namedTarget(statement.target, statement.value) : [],
  );
}

function namedTarget(
  target: Target,
  value: Expr,
): readonly { readonly name: string; readonly value: Expr }[] {
  return target.type === "NameTarget" ? [{ name: target.name, value }] : [];
}

/** Whether an expression is the variable, or its field `key`; filters, tests and slices of it count. */
function isFrom(expr: Expr, variable: string, key?: string): boolean {
  switch (expr.type) {
    case "Filter":
    case "Test":
      return expr.operand !== null && isFrom(expr.operand, variable, key);
    case "Slice":
      return isFrom(expr.object, variable, key);
    case "Name":
      return key === undefined && expr.name === variable;
    case "Getattr":
      return expr.name === key && isFrom(expr.object, variable) && expr.object.type === "Name";
    case "Getitem":
      return (
        key !== undefined &&
        expr.index.type === "Const" &&
        expr.index.value === key &&
        expr.object.type === "Name" &&
        expr.object.name === variable
      );
    default:
      return false;
  }
}

/** A loop over a variable or field of the name `content`, or over a variable set from one. */
function loopsOverContent(template: Body, loops: readonly For[]): boolean {
  const names = new Set(["content"]);
  for (const { name, value } of assignmentsOf(template)) if (isContent(value, names)) names.add(name);
  return loops.some(({ iterable }) => isContent(iterable, names));
}

function isContent(expr: Expr, names: ReadonlySet<string>): boolean {
  switch (expr.type) {
    case "Name":
      return names.has(expr.name);
    case "Getattr":
      return expr.name === "content";
    case "Getitem":
      return expr.index.type === "Const" && expr.index.value === "content";
    case "Filter":
      return expr.operand !== null && isContent(expr.operand, names);
    default:
      return false;
  }
}
