/** @module What is wrong with a field, in our words: what it must be, and what it is. */
import type { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import { shownText } from "../shown-text.ts";

type Issue = z.core.$ZodIssue;

/** Of a value that a client sent. */
const longestShownValue = 60;

const kinds: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "an array",
  object: "an object",
  record: "an object",
};

export interface CheckedBody {
  readonly body: unknown;
  readonly schema: z.ZodObject;
  /** Our name of a field to the one that the client used. */
  readonly sentAs?: ReadonlyMap<string, string>;
}

/** The first field that is wrong: what it must be, what it is, and what to do. */
export function fieldError(error: z.ZodError, { body, schema, sentAs }: CheckedBody): PagodaError {
  const [issue] = error.issues;
  if (issue === undefined)
    return new PagodaError("invalid_request", "The request body does not have the fields of this path.", {
      hint: "See the OpenAI reference for its fields.",
    });
  const [first = "", ...rest] = issue.path.map(String);
  const param = shownText([sentAs?.get(first) ?? first, ...rest].join("."));
  const value = valueAt(body, issue.path);
  if (value === undefined)
    return new PagodaError("invalid_request", `'${param}' is missing.`, {
      param,
      hint: `Send ${requirement(issue).replace(/^must be /, "")}.`,
    });
  const mayBeLeftOut = rest.length === 0 && schema.shape[first]?.safeParse(undefined).success === true;
  return new PagodaError("invalid_request", `'${param}' ${requirement(issue)}${shown(issue, value)}.`, {
    param,
    hint: mayBeLeftOut ? `Correct '${param}', or leave it out.` : `Correct '${param}'.`,
  });
}

function requirement(issue: Issue): string {
  // Schemas state what a schema cannot know in such a message of their own.
  if (issue.message.startsWith("must ")) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return `must be ${kinds[issue.expected] ?? issue.expected}`;
    case "too_small":
      return bound(issue, issue.inclusive === false ? "above" : "at least", issue.minimum);
    case "too_big":
      return bound(issue, issue.inclusive === false ? "below" : "at most", issue.maximum);
    case "invalid_value":
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    default:
      return "is not what this path reads";
  }
}

function bound(issue: { readonly origin: string }, relation: string, limit: number | bigint): string {
  if (issue.origin === "array") return `must hold ${relation} ${limit} values`;
  if (issue.origin === "string") return `must have ${relation} ${limit} characters`;
  return `must be ${relation} ${limit}`;
}

function shown(issue: Issue, value: unknown): string {
  if (Array.isArray(value) && (issue.code === "too_big" || issue.code === "too_small"))
    return `, but it holds ${value.length}`;
  return `, but it is ${describe(value)}`;
}

/** A short value as JSON; a long one by its kind. */
function describe(value: unknown): string {
  if (Array.isArray(value)) return describeArray(value);
  if (typeof value === "object" && value !== null) return "an object";
  // JSON has no infinity, but 1e400 is read as one.
  if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)
    return `beyond ${Number.MAX_VALUE}, the largest number`;
  const json = JSON.stringify(value);
  return json.length <= longestShownValue ? json : `a text of ${json.length - 2} characters`;
}

/** The values of a short list; of others the length. */
function describeArray(values: readonly unknown[]): string {
  if (values.length === 0) return "an empty array";
  const isShort = values.length <= 8 && values.every((value) => typeof value !== "object" || value === null);
  const json = isShort ? JSON.stringify(values) : "";
  if (isShort && json.length <= longestShownValue) return json;
  return `an array of ${values.length} ${values.length === 1 ? "value" : "values"}`;
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = body;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
