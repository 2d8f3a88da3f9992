/** @module From an unknown JSON body to typed fields: refused by name, or accepted with the unknown fields listed. */
import type { z } from "zod";
import type { Feature } from "../../core/capabilities.ts";
import { PagodaError } from "../../core/errors.ts";
import { shownText } from "../shown-text.ts";
import { fieldError } from "./complaint.ts";
import { type EndpointFields, type RefusedField, treatmentOf } from "./endpoint-fields.ts";
import { refuseMissingFeatures } from "./feature-fields.ts";
import { withoutAliases } from "./field-aliases.ts";

export interface ParsedBody<Fields> {
  readonly fields: Fields;
  /** Names that no version of this endpoint knows: ignored, and logged by the server. */
  readonly unknownFields: readonly string[];
  /** The request says that its output has no limit but the context. */
  readonly isUnlimited: boolean;
}

/** Any JSON object. Throws `invalid_request`. */
export function requireObject(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body === "object" && body !== null && !Array.isArray(body))
    return body as Record<string, unknown>;
  throw new PagodaError(
    "invalid_request",
    `The request body must be a JSON object, but it is ${kindOf(body)}.`,
    {
      hint: 'Send an object, such as {"prompt": "Hello"}.',
    },
  );
}

function kindOf(body: unknown): string {
  if (body === undefined) return "empty";
  if (body === null) return "null";
  return Array.isArray(body) ? "an array" : `a ${typeof body === "string" ? "text" : typeof body}`;
}

/**
 * Checks a request body against an endpoint's fields and against what its engine can do. Throws `invalid_request` that
 * names the first field that is wrong or cannot be honored.
 */
export function parseBody<Schema extends z.ZodObject>(
  body: unknown,
  endpoint: EndpointFields<Schema>,
  features: ReadonlySet<Feature>,
): ParsedBody<z.infer<Schema>> {
  const { schema, ownFields, refused } = endpoint;
  const isKnown = (name: string): boolean => Object.hasOwn(schema.shape, name);
  const { body: plain, sentAs, isUnlimited } = withoutAliases(requireObject(body), isKnown);
  for (const [name, value] of Object.entries(plain)) {
    const field = refused?.get(name);
    if (field !== undefined) refuseUnlessHarmless(name, value, field);
    if (!longLists.has(name)) refuseBeyondMostValues(name, value);
  }
  // A feature that no field carries to the engine would be promised and not kept.
  refuseMissingFeatures(
    plain,
    (feature, name) =>
      refused?.has(name) === true ||
      (isKnown(name) && (feature === null || features.has(feature) || ownFields?.has(name) === true)),
  );
  const unknownFields = Object.keys(plain).filter((name) => treatmentOf(name, endpoint) === null);
  const parsed = schema.safeParse(plain);
  if (!parsed.success) throw fieldError(parsed.error, { body: plain, schema, sentAs });
  return { fields: parsed.data, unknownFields, isUnlimited };
}

function refuseUnlessHarmless(name: string, value: unknown, field: RefusedField): void {
  if (value === null || value === undefined || field.isHarmless(value)) return;
  throw new PagodaError("invalid_request", `'${name}' ${field.why}.`, { param: name, hint: field.instead });
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
      throw new PagodaError("invalid_request", `'${shownText(name)}' holds more than ${mostValues} values.`, {
        param: name,
        hint: `Send at most ${mostValues}, nested ones counted.`,
      });
    const value = open.pop();
    if (typeof value !== "object" || value === null) continue;
    for (const inner of Array.isArray(value) ? value.slice(0, mostValues) : Object.values(value))
      open.push(inner);
  }
}
