/** @module `$ref` within one schema: JSON pointers and anchors. */
import { GrammarFault } from "../expression/fault.ts";
import { isSchemaObject } from "./schema-types.ts";

const deepest = 512;

export class References {
  readonly #root: unknown;
  /** By `$anchor`; made when one is asked for. */
  #names: Map<string, unknown> | null = null;

  constructor(root: unknown) {
    this.#root = root;
  }

  /** The same for all spellings of a reference within the schema. Throws GrammarFault for one that leads outside. */
  keyOf(reference: unknown): string {
    if (typeof reference !== "string") throw new GrammarFault("'$ref' is not a text.", "Correct '$ref'.");
    const rootId = isSchemaObject(this.#root) ? this.#root.$id : undefined;
    if (typeof rootId === "string" && rootId !== "" && reference.startsWith(rootId))
      return reference.slice(rootId.replace(/#$/, "").length) || "#";
    return reference;
  }

  resolve(key: string): unknown {
    if (key === "#") return this.#root;
    if (key.startsWith("#/")) return this.#pointer(key);
    this.#names ??= namedSchemas(this.#root);
    const named = key.startsWith("#") ? this.#names.get(key.slice(1)) : undefined;
    if (named !== undefined) return named;
    throw new GrammarFault(
      `'$ref' leads to '${key.slice(0, 100)}', which is not in the schema.`,
      "Put the schema that it refers to into '$defs'.",
    );
  }

  #pointer(key: string): unknown {
    let at: unknown = this.#root;
    for (const part of key.slice(2).split("/")) {
      const name = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
      const isFound = typeof at === "object" && at !== null && Object.hasOwn(at, name);
      if (!isFound)
        throw new GrammarFault(
          `'$ref' leads to '${key.slice(0, 100)}', where nothing is.`,
          "Correct '$ref'.",
        );
      at = (at as Record<string, unknown>)[name];
    }
    return at;
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function namedSchemas(root: unknown): Map<string, unknown> {
  const names = new Map<string, unknown>();
  const visit = (value: unknown, depth: number): void => {
    if (depth > deepest || typeof value !== "object" || value === null) return;
    const { $anchor: anchor } = value as Record<string, unknown>;
    if (typeof anchor === "string") names.set(anchor, value);
    for (const inner of Object.values(value)) visit(inner, depth + 1);
  };
  visit(root, 0);
  return names;
}
