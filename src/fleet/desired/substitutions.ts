/** @module `${VARIABLE}`, `${VARIABLE:-default}` and `{file: PATH}` in a fleet file, replaced inside the values that YAML has read. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isMap, isScalar, type Scalar, visit } from "yaml";
import { PagodaError } from "../../core/errors.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import type { YamlText } from "./file-faults.ts";

export interface SubstitutionSource {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Paths are from here. */
  readonly folder: string;
}

const reference = /\$\$|\$\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|\$\{([^}]*)\}?/g;

/**
 * Replaces them in place. What a variable holds stays one value: it cannot add keys.
 * @throws PagodaError `invalid_option` with the line of a variable that is not set or a file that cannot be read.
 */
export function substitute(text: YamlText, source: SubstitutionSource): void {
  const at = (node: { readonly range?: readonly [number, number, number] | null | undefined }): string =>
    `${text.label} line ${text.lines.linePos(node.range?.[0] ?? 0).line}`;
  visit(text.document, {
    Scalar(key, node) {
      if (key === "key" || typeof node.value !== "string" || !node.value.includes("$")) return;
      node.value = replaced(node.value, source, at(node));
    },
    Pair(_, pair) {
      if (!isMap(pair.value) || pair.value.items.length !== 1) return;
      const file = pair.value.get("file", true);
      if (!isScalar(file)) return;
      const path = replaced(String(file.value), source, at(file));
      pair.value = text.document.createNode(secretIn(resolve(source.folder, path), at(file))) as Scalar;
    },
  });
}

function replaced(value: string, { environment }: SubstitutionSource, where: string): string {
  return value.replaceAll(reference, (whole: string, name?: string, otherwise?: string, bad?: string) => {
    if (whole === "$$") return "$";
    if (name === undefined)
      throw new PagodaError("invalid_option", `${where}: '\${${bad ?? ""}}' does not name a variable.`, {
        hint: `Write \${NAME} or \${NAME:-default}, and $$ for a dollar sign.`,
      });
    const found = environment[name];
    if (found !== undefined && found !== "") return found;
    if (otherwise !== undefined) return otherwise;
    const [near] = nearestNames(name, Object.keys(environment), 1);
    throw new PagodaError("invalid_option", `${where}: the variable ${name} is not set.`, {
      hint:
        near === undefined
          ? `Set it, or write \${${name}:-default}.`
          : `Set it, or use \${${near}}, which is set.`,
    });
  });
}

function secretIn(path: string, where: string): string {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    throw new PagodaError("invalid_option", `${where}: the file ${path} cannot be read.`, {
      hint: "Name a file that this user may read.",
      cause,
    });
  }
}
