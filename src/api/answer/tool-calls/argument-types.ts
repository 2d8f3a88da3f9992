/** @module Arguments that are written as plain text, turned into JSON by the schema of the function. */
import type { ToolDefinition } from "../../../core/answer/tools.ts";

/**
 * The JSON of an argument written as `text`: a text where the schema wants one, else the value that the text says; a text
 * that says no JSON stays a text.
 */
export function argumentJson(
  text: string,
  toolName: string,
  argument: string,
  tools: readonly ToolDefinition[],
): string {
  const types = typesOf(toolName, argument, tools);
  if (types?.every((type) => type === "string")) return JSON.stringify(text);
  const trimmed = text.trim();
  const value = jsonValue(trimmed);
  if (value !== undefined && !(types?.includes("string") && typeof value !== "object" && value !== null))
    return trimmed;
  if (types?.includes("boolean") && /^(true|false)$/i.test(trimmed)) return trimmed.toLowerCase();
  return JSON.stringify(text);
}

/** The types that the schema of an argument names; null where it names none. */
function typesOf(
  toolName: string,
  argument: string,
  tools: readonly ToolDefinition[],
): readonly string[] | null {
  const tool = tools.find((one) => one.function.name === toolName);
  const properties = tool?.function.parameters?.properties;
  if (typeof properties !== "object" || properties === null) return null;
  const schema: unknown = (properties as Record<string, unknown>)[argument];
  return statedTypes(schema);
}

function statedTypes(schema: unknown): readonly string[] | null {
  if (typeof schema !== "object" || schema === null) return null;
  const { type, enum: values, anyOf, oneOf } = schema as Record<string, unknown>;
  if (typeof type === "string") return [type];
  if (Array.isArray(type)) return type.filter((one) => typeof one === "string");
  if (Array.isArray(values)) return values.map((value) => (value === null ? "null" : typeof value));
  const options = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : [];
  const types = options.flatMap((option) => statedTypes(option) ?? []);
  return types.length === 0 ? null : types;
}

function jsonValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
