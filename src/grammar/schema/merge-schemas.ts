/** @module Two schemas that both hold, as one: `allOf`, and what stands beside `$ref`, `anyOf` and `oneOf`. */
import { GrammarFault } from "../expression/fault.ts";
import { annotations, isEqualJson, isSchemaObject, type Schema, type SchemaObject } from "./schema-types.ts";

type Merge = (a: unknown, b: unknown) => unknown;

const both: Merge = (a, b) => (isEqualJson(a, b) ? a : { allOf: [a, b] });
const largest: Merge = (a, b) => Math.max(Number(a), Number(b));
const smallest: Merge = (a, b) => Math.min(Number(a), Number(b));

const merges: Readonly<Record<string, Merge>> = {
  minimum: largest,
  exclusiveMinimum: largest,
  minLength: largest,
  minItems: largest,
  minProperties: largest,
  maximum: smallest,
  exclusiveMaximum: smallest,
  maxLength: smallest,
  maxItems: smallest,
  maxProperties: smallest,
  required: (a, b) => [...new Set([...asList(a), ...asList(b)])],
  pattern: (a, b) => [...new Set([a, b].flat())],
  format: (a, b) => [...new Set([a, b].flat())],
  multipleOf: leastCommonMultiple,
  uniqueItems: (a, b) => a === true || b === true,
  propertyNames: both,
  $notEnum: (a, b) => [...asList(a), ...asList(b)],
  $notPattern: (a, b) => [...asList(a), ...asList(b)],
  enum: (a, b) => asList(a).filter((one) => asList(b).some((other) => isEqualJson(one, other))),
  type: commonTypes,
  anyOf: distributed,
};

/** Keywords that are merged together, because one says what another one leaves open. */
const ofProperties = ["properties", "patternProperties", "additionalProperties"] as const;
const ofItems = ["prefixItems", "items"] as const;

/** Throws GrammarFault that names a keyword which cannot be merged. */
export function mergedSchemas(a: Schema, b: Schema): Schema {
  if (a === false || b === false) return false;
  if (a === true) return b;
  if (b === true) return a;
  const [one, other] = [withEnum(a), withEnum(b)];
  const merged: Record<string, unknown> = { ...one };
  for (const [keyword, value] of Object.entries(other)) {
    if (annotations.has(keyword) || isIn(keyword, ofProperties) || isIn(keyword, ofItems)) continue;
    merged[keyword] = keyword in one ? mergedKeyword(keyword, one[keyword], value) : value;
  }
  mergeProperties(one, other, merged);
  mergeItems(one, other, merged);
  return merged;
}

const isIn = (keyword: string, list: readonly string[]): boolean => list.includes(keyword);

function withEnum(schema: SchemaObject): SchemaObject {
  if (!("const" in schema)) return schema;
  const { const: value, ...others } = schema;
  return "enum" in others
    ? { ...others, enum: asList(others.enum).filter((one) => isEqualJson(one, value)) }
    : { ...others, enum: [value] };
}

function mergedKeyword(keyword: string, a: unknown, b: unknown): unknown {
  if (isEqualJson(a, b)) return a;
  const merge = merges[keyword];
  if (merge === undefined) throw cannot(keyword);
  return merge(a, b);
}

function cannot(keyword: string): GrammarFault {
  return new GrammarFault(
    `Two values of '${keyword}' that both hold cannot be enforced.`,
    `State '${keyword}' once.`,
  );
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function commonTypes(a: unknown, b: unknown): unknown {
  const [one, other] = [[a].flat(), [b].flat()];
  const types = one.filter(
    (type) => other.includes(type) || (type === "integer" && other.includes("number")),
  );
  if (one.includes("number") && other.includes("integer") && !types.includes("integer"))
    types.push("integer");
  return types;
}

function leastCommonMultiple(a: unknown, b: unknown): number {
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isInteger(x) || !Number.isInteger(y) || x <= 0 || y <= 0) throw cannot("multipleOf");
  let [m, n] = [x, y];
  while (n !== 0) [m, n] = [n, m % n];
  return (x / m) * y;
}

const mostOptions = 128;

function distributed(a: unknown, b: unknown): unknown {
  const options = asList(a).flatMap((one) => asList(b).map((other) => ({ allOf: [one, other] })));
  if (options.length > mostOptions) throw cannot("anyOf");
  return options;
}

const recordOf = (value: unknown): SchemaObject => (isSchemaObject(value) ? value : {});

function mergeProperties(a: SchemaObject, b: SchemaObject, merged: Record<string, unknown>): void {
  if (!ofProperties.some((keyword) => keyword in b)) return;
  const names = new Set([...Object.keys(recordOf(a.properties)), ...Object.keys(recordOf(b.properties))]);
  const properties: Record<string, unknown> = Object.create(null);
  for (const name of names) properties[name] = both(propertySchema(a, name), propertySchema(b, name));
  if (names.size > 0) merged.properties = properties;
  mergeAdditional(a, b, merged);
}

/** What a schema says of the property `name`, whatever keyword says it. */
export function propertySchema(schema: SchemaObject, name: string): unknown {
  const own = Object.hasOwn(recordOf(schema.properties), name) ? [recordOf(schema.properties)[name]] : [];
  const patterns = Object.entries(recordOf(schema.patternProperties)).filter(([pattern]) =>
    new RegExp(pattern, "u").test(name),
  );
  const said = [...own, ...patterns.map(([, value]) => value)];
  if (said.length === 0) return schema.additionalProperties ?? true;
  return said.length === 1 ? said[0] : { allOf: said };
}

function mergeAdditional(a: SchemaObject, b: SchemaObject, merged: Record<string, unknown>): void {
  const [one, other] = [recordOf(a.patternProperties), recordOf(b.patternProperties)];
  const isClosed = (schema: SchemaObject): boolean => (schema.additionalProperties ?? true) !== true;
  const patternsDiffer = !isEqualJson(Object.keys(one).sort(), Object.keys(other).sort());
  if (patternsDiffer && (isClosed(a) || isClosed(b))) throw cannot("patternProperties");
  const patterns: Record<string, unknown> = { ...one };
  for (const [pattern, value] of Object.entries(other))
    patterns[pattern] = pattern in patterns ? both(patterns[pattern], value) : value;
  if (Object.keys(patterns).length > 0) merged.patternProperties = patterns;
  if ("additionalProperties" in a || "additionalProperties" in b)
    merged.additionalProperties = both(a.additionalProperties ?? true, b.additionalProperties ?? true);
}

function mergeItems(a: SchemaObject, b: SchemaObject, merged: Record<string, unknown>): void {
  if (!ofItems.some((keyword) => keyword in b)) return;
  const [one, other] = [asList(a.prefixItems), asList(b.prefixItems)];
  const [oneRest, otherRest] = [a.items ?? true, b.items ?? true];
  const prefix = Array.from({ length: Math.max(one.length, other.length) }, (_, i) =>
    both(i < one.length ? one[i] : oneRest, i < other.length ? other[i] : otherRest),
  );
  if (prefix.length > 0) merged.prefixItems = prefix;
  if ("items" in a || "items" in b) merged.items = both(oneRest, otherRest);
}
