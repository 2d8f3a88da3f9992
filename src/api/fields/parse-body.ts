/** @module From an unknown JSON body to typed fields: refused by name, or accepted with the unknown fields listed. */
import type { z } from "zod";
import type { Feature } from "../../core/capabilities.ts";
import { PagodaError } from "../../core/errors.ts";
import { shownText } from "../shown-text.ts";
import { fieldError } from "./complaint.ts";
import { asksForFeature, refuseMissingFeatures } from "./feature-fields.ts";
import { withoutAliases } from "./field-aliases.ts";

export interface ParsedBody<Fields> {
  readonly fields: Fields;
  /** Names that no version of this endpoint knows: ignored, and logged by the server. */
  readonly unknownFields: readonly string[];
  /** The request says that its output has no limit but the context. */
  readonly isUnlimited: boolean;
}

const noFields: ReadonlySet<string> = new Set();

/** Known fields of OpenAI, vLLM, llama.cpp and others that have no effect on the text of an answer. */
const fieldsWithoutEffect: ReadonlySet<string> = new Set([
  "user",
  "metadata",
  "store",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "parallel_tool_calls",
  "spaces_between_special_tokens",
  "include_reasoning",
  "separate_reasoning",
  "stream_reasoning",
  "verbosity",
  "cache_prompt",
  "id_slot",
  "slot_id",
  "keep_alive",
  "session_id",
  "rid",
  "timings_per_token",
  "return_progress",
  "mirostat_tau",
  "mirostat_eta",
  "dynatemp_exponent",
  "xtc_threshold",
  "dry_base",
  "dry_allowed_length",
  "dry_penalty_last_n",
  "dry_sequence_breakers",
]);

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
 * Checks a request body against an endpoint's schema and against what its engine can do.
 * `ownFields` are fields that others use to ask for a feature and that this endpoint reads itself. Throws
 * `invalid_request` that names the first field that is wrong or cannot be honoured.
 */
export function parseBody<Schema extends z.ZodObject>(
  body: unknown,
  schema: Schema,
  features: ReadonlySet<Feature>,
  ownFields: ReadonlySet<string> = noFields,
): ParsedBody<z.infer<Schema>> {
  const isKnown = (name: string): boolean => Object.hasOwn(schema.shape, name);
  const { body: plain, sentAs, isUnlimited } = withoutAliases(requireObject(body), isKnown);
  for (const [name, value] of Object.entries(plain))
    if (!longLists.has(name)) refuseBeyondMostValues(name, value);
  // A feature that no field carries to the engine would be promised and not kept.
  refuseMissingFeatures(
    plain,
    (feature, name) => isKnown(name) && (feature === null || features.has(feature) || ownFields.has(name)),
  );
  const unknownFields = Object.keys(plain).filter(
    (name) => !isKnown(name) && !fieldsWithoutEffect.has(name) && !asksForFeature(name),
  );
  const parsed = schema.safeParse(plain);
  if (!parsed.success) throw fieldError(parsed.error, { body: plain, schema, sentAs });
  return { fields: parsed.data, unknownFields, isUnlimited };
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
