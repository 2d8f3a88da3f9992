/** @module A JSON Schema after its references, types and combinations are resolved: what one value must be. */
export type Schema = boolean | Readonly<Record<string, unknown>>;
export type SchemaObject = Readonly<Record<string, unknown>>;

export function isSchemaObject(value: unknown): value is SchemaObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keywords that say nothing about which values are valid. */
export const annotations: ReadonlySet<string> = new Set([
  "title",
  "description",
  "default",
  "example",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "nullable",
  "$schema",
  "$comment",
  "$id",
  "id",
  "$defs",
  "definitions",
  "$vocabulary",
  "contentEncoding",
  "contentMediaType",
  "contentSchema",
  "strict",
]);

/** Two JSON values, whatever the order of their properties. */
export function isEqualJson(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isSchemaObject(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([x], [y]) => (x < y ? -1 : 1)))
      : inner,
  );
}
