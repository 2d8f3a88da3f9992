/** @module From an unknown JSON body to typed fields: refused by name, or accepted with the unknown fields listed. */
import type { z } from "zod";
import { PagodaError } from "../core/errors.ts";
import type { ServedModel } from "../core/generation.ts";

export interface ParsedBody<Fields> {
  readonly fields: Fields;
  /** Names that no version of this endpoint knows: ignored, and logged by the server. */
  readonly unknownFields: readonly string[];
}

/** A field that clients send and this engine cannot honour; `isHarmless` says which of its values change nothing. */
export interface UnsupportedField {
  readonly isHarmless: (value: unknown) => boolean;
  readonly instead?: string;
}

export interface BodyRules<Schema extends z.ZodObject> {
  readonly schema: Schema;
  readonly unsupported: Readonly<Record<string, UnsupportedField>>;
  /** Known fields with no effect on the answer (`user`, `metadata`, …). */
  readonly withoutEffect: ReadonlySet<string>;
}

/**
 * Checks a request body against an endpoint's rules.
 * Throws `invalid_request` that names the first field that is wrong or cannot be honoured.
 */
export function parseBody<Schema extends z.ZodObject>(
  body: unknown,
  rules: BodyRules<Schema>,
): ParsedBody<z.infer<Schema>> {
  if (typeof body === "string")
    throw new PagodaError("invalid_request", "the request body is a text, not a JSON object", {
      hint: "Send an object, with the header content-type: application/json.",
    });
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new PagodaError("invalid_request", "the request body must be a JSON object");
  const unknownFields: string[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (!longLists.has(name)) refuseBeyondMostValues(name, value);
    if (Object.hasOwn(rules.schema.shape, name)) continue;
    const unsupported = Object.hasOwn(rules.unsupported, name) ? rules.unsupported[name] : undefined;
    if (unsupported !== undefined) refuseUnlessHarmless(name, value, unsupported);
    else if (!rules.withoutEffect.has(name)) unknownFields.push(name);
  }
  const parsed = rules.schema.safeParse(body);
  if (!parsed.success) throw invalidField(parsed.error);
  return { fields: parsed.data, unknownFields };
}

/** Checked by hand, in one pass and without copies. */
const longLists: ReadonlySet<string> = new Set(["prompt", "tokens"]);
/** Messages, tools and lists of all kinds have thousands of values at most. */
const mostValues = 65_536;

/** A schema collects a complaint for each value that is wrong, hundreds of bytes for two in the body. */
function refuseBeyondMostValues(name: string, field: unknown): void {
  const open: unknown[] = [field];
  for (let numValues = 0; open.length > 0; numValues++) {
    if (numValues + open.length > mostValues)
      throw new PagodaError("invalid_request", `'${name}' holds more than ${mostValues} values`, {
        param: name,
        hint: `Send at most ${mostValues}, nested ones counted.`,
      });
    const value = open.pop();
    if (typeof value !== "object" || value === null) continue;
    for (const inner of Array.isArray(value) ? value.slice(0, mostValues) : Object.values(value))
      open.push(inner);
  }
}

function refuseUnlessHarmless(name: string, value: unknown, field: UnsupportedField): void {
  if (value === null || value === undefined || field.isHarmless(value)) return;
  throw new PagodaError("invalid_request", `this server does not support '${name}'`, {
    param: name,
    hint: field.instead ?? `Leave '${name}' out.`,
  });
}

function invalidField(error: z.ZodError): PagodaError {
  const issue = error.issues[0];
  const param = issue?.path.join(".") ?? "";
  const message = issue?.message ?? "the request body is invalid";
  return new PagodaError("invalid_request", param === "" ? message : `'${param}': ${message}`, { param });
}

/** A request may leave the model out; a name that is not the served one is `model_not_found`. */
export function assertModelIsServed(name: string | null | undefined, model: ServedModel): void {
  if (name === null || name === undefined || name === "" || name === model.modelId) return;
  throw new PagodaError("model_not_found", `the model '${name}' is not served here`, {
    param: "model",
    hint: `Use '${model.modelId}'.`,
  });
}
