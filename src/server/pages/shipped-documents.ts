/** @module The documents of docs/ that the package brings along. */
import { readdirSync, readFileSync } from "node:fs";
import { isOutOfDescriptors } from "../../core/errors.ts";

/** The same distance from src/ and from dist/. */
const folder = new URL("../../../docs/", import.meta.url);

export function documentNames(): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".md"));
  } catch (thrown) {
    // The documents are there and cannot be read now.
    if (isOutOfDescriptors(thrown)) throw thrown;
    // A package without its documents serves as well.
    return [];
  }
}

/** null for a name that is not among `documentNames`: no path of a client reaches the file system. */
export function documentText(name: string): string | null {
  return documentNames().includes(name) ? readFileSync(new URL(name, folder), "utf8") : null;
}
