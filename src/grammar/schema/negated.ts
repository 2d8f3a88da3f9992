/** @module What is valid where a schema does not hold: for `not`, `if`, and `oneOf` whose options overlap. */
import { annotations, isSchemaObject, type Schema, type SchemaObject } from "./schema-types.ts";

const deepest = 16;
const types = ["object", "array", "string", "number", "boolean", "null"];

/**
 * A schema of the values that are not valid against `schema`; null where that cannot be written. Of several keywords, one
 * does not hold. `$notEnum` and `$notPattern` are keywords of the compiler's own.
 */
export function negated(schema: Schema, depth = 0): Schema | null {
  if (typeof schema === "boolean") return !schema;
  if (depth > deepest) return null;
  const keywords = Object.keys(schema).filter((keyword) => !annotations.has(keyword));
  const options = keywords.map((keyword) => ofKeyword(keyword, schema, depth + 1));
  if (options.some((option) => option === null)) return null;
  return anyOf(options as Schema[]);
}

function anyOf(options: readonly Schema[]): Schema {
  const possible = options.filter((option) => option !== false);
  if (possible.length === 0) return false;
  return possible.length === 1 ? (possible[0] as Schema) : { anyOf: possible };
}

function ofKeyword(keyword: string, schema: SchemaObject, depth: number): Schema | null {
  const value = schema[keyword];
  switch (keyword) {
    case "type": {
      const excluded = [value].flat();
      if (excluded.includes("integer") && !excluded.includes("number")) return null;
      return { type: types.filter((type) => !excluded.includes(type)) };
    }
    case "const":
      return { $notEnum: [value] };
    case "enum":
      return Array.isArray(value) ? { $notEnum: value } : null;
    case "not":
      return isSchema(value) ? value : null;
    case "anyOf":
      return combined(value, depth, (parts) => ({ allOf: parts }));
    case "allOf":
      return combined(value, depth, anyOf);
    case "required":
      return Array.isArray(value)
        ? anyOf(value.map((name) => ({ type: "object", properties: { [String(name)]: false } })))
        : null;
    case "properties":
      return ofProperties(value, depth);
    case "pattern":
      return { type: "string", $notPattern: [value] };
    default:
      return ofBound(keyword, value);
  }
}

function combined(value: unknown, depth: number, join: (parts: readonly Schema[]) => Schema): Schema | null {
  if (!Array.isArray(value)) return null;
  const parts = value.map((one) => (isSchema(one) ? negated(one, depth) : null));
  return parts.includes(null) ? null : join(parts as Schema[]);
}

/** One of the properties is there and does not hold. */
function ofProperties(value: unknown, depth: number): Schema | null {
  if (!isSchemaObject(value)) return null;
  const options: Schema[] = [];
  for (const [name, property] of Object.entries(value)) {
    const other = isSchema(property) ? negated(property, depth) : null;
    if (other === null) return null;
    if (other !== false) options.push({ type: "object", required: [name], properties: { [name]: other } });
  }
  return anyOf(options);
}

const whole = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value);

function ofBound(keyword: string, value: unknown): Schema | null {
  if (typeof value !== "number") return null;
  switch (keyword) {
    case "minimum":
      return { type: "number", exclusiveMaximum: value };
    case "maximum":
      return { type: "number", exclusiveMinimum: value };
    case "exclusiveMinimum":
      return { type: "number", maximum: value };
    case "exclusiveMaximum":
      return { type: "number", minimum: value };
    case "minLength":
      return whole(value) ? (value === 0 ? false : { type: "string", maxLength: value - 1 }) : null;
    case "maxLength":
      return whole(value) ? { type: "string", minLength: value + 1 } : null;
    case "minItems":
      return whole(value) ? (value === 0 ? false : { type: "array", maxItems: value - 1 }) : null;
    case "maxItems":
      return whole(value) ? { type: "array", minItems: value + 1 } : null;
    default:
      return null;
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "boolean" || isSchemaObject(value);
}
