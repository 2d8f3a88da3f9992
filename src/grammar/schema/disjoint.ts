/** @module Whether no value can be valid against two schemas, as far as that can be seen. */
import { jsonTypes } from "./json-text.ts";
import { isEqualJson, isSchemaObject, type Schema, type SchemaObject } from "./schema-types.ts";

const deepest = 8;

/** Both without references and `allOf` at the top. false: not known. */
export function areDisjoint(a: Schema, b: Schema, depth = 0): boolean {
  if (a === false || b === false) return true;
  if (a === true || b === true || depth > deepest) return false;
  const [types, otherTypes] = [typesOf(a), typesOf(b)];
  if (!types.some((type) => otherTypes.includes(type))) return true;
  const [values, others] = [listed(a), listed(b)];
  if (values !== null && others !== null)
    return !values.some((one) => others.some((other) => isEqualJson(one, other)));
  const shared = types.filter((type) => otherTypes.includes(type));
  if (shared.length === 1 && shared[0] === "number") return areRangesDisjoint(a, b);
  return shared.length === 1 && shared[0] === "object" && differInMember(a, b, depth);
}

/** An integer is a number; a listed value has its own type. */
function typesOf(schema: SchemaObject): readonly string[] {
  const values = listed(schema);
  if (values !== null) return values.map(typeOf);
  if (schema.type === undefined) return jsonTypes;
  return [schema.type].flat().map((type) => (type === "integer" ? "number" : String(type)));
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function listed(schema: SchemaObject): readonly unknown[] | null {
  if ("const" in schema) return [schema.const];
  return Array.isArray(schema.enum) ? schema.enum : null;
}

function areRangesDisjoint(a: SchemaObject, b: SchemaObject): boolean {
  const isBelow = (low: SchemaObject, high: SchemaObject): boolean => {
    const last = Math.min(numberOr(low.maximum, Infinity), numberOr(low.exclusiveMaximum, Infinity));
    const first = Math.max(numberOr(high.minimum, -Infinity), numberOr(high.exclusiveMinimum, -Infinity));
    const meets = low.exclusiveMaximum !== last && high.exclusiveMinimum !== first;
    return meets ? last < first : last <= first;
  };
  return isBelow(a, b) || isBelow(b, a);
}

const numberOr = (value: unknown, other: number): number => (typeof value === "number" ? value : other);

/** A member that both require, or that one requires and the other forbids. */
function differInMember(a: SchemaObject, b: SchemaObject, depth: number): boolean {
  const [required, others] = [requiredOf(a), requiredOf(b)];
  const isForbidden = (schema: SchemaObject, name: string): boolean =>
    memberOf(schema, name) === false ||
    (memberOf(schema, name) === undefined &&
      schema.additionalProperties === false &&
      schema.patternProperties === undefined);
  if (required.some((name) => isForbidden(b, name)) || others.some((name) => isForbidden(a, name)))
    return true;
  return required
    .filter((name) => others.includes(name))
    .some((name) => {
      const [one, other] = [memberOf(a, name), memberOf(b, name)];
      const isPlain = (schema: Schema | undefined): schema is Schema =>
        schema !== undefined &&
        (typeof schema === "boolean" || !("$ref" in schema || "allOf" in schema || "not" in schema));
      return isPlain(one) && isPlain(other) && areDisjoint(one, other, depth + 1);
    });
}

function requiredOf(schema: SchemaObject): readonly string[] {
  return Array.isArray(schema.required) ? schema.required.map(String) : [];
}

function memberOf(schema: SchemaObject, name: string): Schema | undefined {
  const { properties } = schema;
  if (!isSchemaObject(properties) || !Object.hasOwn(properties, name)) return undefined;
  const value = properties[name];
  return typeof value === "boolean" || isSchemaObject(value) ? value : undefined;
}
