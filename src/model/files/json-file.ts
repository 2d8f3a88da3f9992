/** @module JSON files of a model folder, read with a ceiling and without trusting a single field. */

import { readFileSync, statSync } from "node:fs";
import { isOutOfDescriptors, PagodaError } from "../../core/errors.ts";
import { damagedFile } from "./damage-hints.ts";

export type JsonObject = { readonly [key: string]: unknown };

/** A config of any model known today is below 100 KB. */
const maxConfigBytes = 16 * 2 ** 20;

/** Files of models are below 20. What walks a value may recurse once for each. */
const maxDepth = 256;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Throws PagodaError `model_invalid` where the file is missing, larger than `maxBytes`, nested too deep, or not a JSON object. */
export function readJsonObject(path: string, maxBytes: number = maxConfigBytes): JsonObject {
  const value = parseJson(readTextFile(path, maxBytes), path);
  const depth = depthOf(value);
  if (depth > maxDepth)
    throw new PagodaError(
      "model_invalid",
      `${path} has ${depth} objects and lists inside each other; at most ${maxDepth} are read.`,
      { hint: damagedFile },
    );
  if (isJsonObject(value)) return value;
  throw new PagodaError("model_invalid", `${path} does not hold a JSON object.`, { hint: damagedFile });
}

/** How many objects and lists are inside each other at the deepest place, without recursion. */
function depthOf(value: unknown): number {
  let depth = 0;
  for (let level = containersOf([value]); level.length > 0; depth++)
    level = level.flatMap((container) => containersOf(Object.values(container)));
  return depth;
}

function containersOf(values: readonly unknown[]): object[] {
  return values.filter((value) => typeof value === "object" && value !== null);
}

/** The file's text; larger than `maxBytes` or unreadable is PagodaError `model_invalid`. */
export function readTextFile(path: string, maxBytes: number = maxConfigBytes): string {
  try {
    const fileBytes = statSync(path).size;
    if (fileBytes > maxBytes)
      throw new PagodaError(
        "model_invalid",
        `${path} has ${fileBytes} bytes; at most ${maxBytes} are read.`,
        { hint: damagedFile },
      );
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof PagodaError || isOutOfDescriptors(cause)) throw cause;
    throw new PagodaError("model_invalid", `Cannot read ${path}: ${reasonOf(cause)}.`, {
      hint: "Check that the file exists and that this user may read it.",
      cause,
    });
  }
}

export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PagodaError("model_invalid", `${path} is not valid JSON: ${reasonOf(cause)}.`, {
      hint: damagedFile,
      cause,
    });
  }
}

/** A value of a file as messages show it, at most 80 characters. */
export function shownValue(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isJsonObject(value)) return "an object";
  return (JSON.stringify(value) ?? "nothing").slice(0, 80);
}

/** On one line and without a stop: a parser's message quotes the file, line ends included. */
function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/g, " ").replace(/\.$/, "");
}
