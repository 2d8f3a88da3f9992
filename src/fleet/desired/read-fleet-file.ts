/** @module A fleet file's text as a specification, or the first fault in it, with its line. */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { LineCounter, parseDocument, type YAMLError } from "yaml";
import type { z } from "zod";
import { shownText } from "../../api/shown-text.ts";
import { PagodaError } from "../../core/errors.ts";
import { lineOf, schemaFault, type YamlText } from "./file-faults.ts";
import { fleetSchema, fleetSpecOf } from "./fleet-schema.ts";
import type { FleetSpec, ModelSpec } from "./fleet-spec.ts";
import { type SubstitutionSource, substitute } from "./substitutions.ts";

/** @throws PagodaError `invalid_option` where the file cannot be read or is wrong. */
export function readFleetFile(path: string, environment: SubstitutionSource["environment"]): FleetSpec {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new PagodaError("invalid_option", `The fleet file ${path} cannot be read.`, {
      hint: "Name a file that exists, such as pagoda up fleet.yaml; docs/fleet.md has an example.",
      param: "file",
      cause,
    });
  }
  return fleetSpecFrom(text, { label: basename(path), folder: dirname(resolve(path)), environment });
}

export interface FleetText extends Omit<SubstitutionSource, "environment"> {
  /** How messages name the text. */
  readonly label: string;
  /** null: `$` stands for itself. */
  readonly environment: SubstitutionSource["environment"] | null;
}

/** The file's document with variables, secrets and paths filled in: the same fleet, wherever it is read. */
export function resolvedFleetDocument(path: string, environment: SubstitutionSource["environment"]): unknown {
  const spec = readFleetFile(path, environment);
  const source = { label: basename(path), folder: dirname(resolve(path)), environment };
  const document = checkedDocument(readFileSync(path, "utf8"), source).given;
  const models = Object.fromEntries(
    spec.models.map(({ name, model }) => [name, { ...document.models[name], model }]),
  );
  return { ...document, name: spec.name, models };
}

/** @throws PagodaError `invalid_option` with the line of the first fault. */
export function fleetSpecFrom(text: string, source: FleetText): FleetSpec {
  const { yaml, given } = checkedDocument(text, source);
  const spec = fleetSpecOf(fleetSchema.parse(given), safeName(basename(source.folder)));
  assertConsistent(yaml, spec);
  const models = spec.models.map((model) => ({ ...model, model: placed(model.model, source.folder) }));
  assertFilesExist(yaml, models);
  return { ...spec, models };
}

type GivenFleet = z.input<typeof fleetSchema>;

function checkedDocument(
  text: string,
  source: FleetText,
): { readonly yaml: YamlText; readonly given: GivenFleet } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const yaml: YamlText = { label: source.label, document, lines };
  const [error] = document.errors;
  if (error !== undefined) throw syntaxFault(yaml, error, text);
  const { environment, folder } = source;
  if (environment !== null) substitute(yaml, { environment, folder });
  const given: unknown = document.toJS();
  const checked = fleetSchema.safeParse(given);
  if (!checked.success) throw schemaFault(yaml, checked.error.issues);
  // The schema has accepted it.
  return { yaml, given: given as GivenFleet };
}

/** A path is from the file's folder; any other name stays. */
function placed(model: string, folder: string): string {
  if (model.startsWith("~/")) return join(homedir(), model.slice(2));
  if (isAbsolute(model)) return model;
  const path = resolve(folder, model);
  return model.startsWith("./") || model.startsWith("../") || existsSync(path) ? path : model;
}

function safeName(folder: string): string {
  const name = folder.replaceAll(/[^\w.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return name === "" ? "fleet" : name.slice(0, 64);
}

/** A model that is a path must be there. */
function assertFilesExist(text: YamlText, models: readonly ModelSpec[]): void {
  const missing = models.find(({ model }) => isAbsolute(model) && !existsSync(model));
  if (missing === undefined) return;
  const path = ["models", missing.name, "model"];
  const where = `${text.label} line ${lineOf(text, path)}`;
  throw new PagodaError("invalid_option", `${where}: ${missing.model} does not exist.`, {
    param: path.join("."),
    hint: "Write a path from the file's folder, a hub id (org/name) or a name of the catalogue.",
  });
}

function assertConsistent(text: YamlText, { models, devices }: FleetSpec): void {
  const fault = (path: readonly string[], message: string, hint: string): PagodaError => {
    const where = `${text.label} line ${lineOf(text, path)}`;
    return new PagodaError("invalid_option", `${where}: ${message}`, { hint, param: path.join(".") });
  };
  if (models.length === 0)
    throw fault(
      ["models"],
      "The mapping models is empty.",
      "Add a model: models: {small: {model: ./model.gguf}}.",
    );
  const owners = new Map<string, string>();
  for (const { name, aliases, engine, devices: wanted, tensorParallel } of models) {
    if (!/^[\w][\w./:@-]*$/.test(name))
      throw fault(
        ["models", name],
        `'${shownText(name)}' is not a name for a model.`,
        "Use letters, digits and . _ - / : @.",
      );
    for (const own of [name, ...aliases]) {
      const owner = owners.get(own);
      if (owner !== undefined)
        throw fault(
          ["models", name],
          `${own} is a name of both ${owner} and ${name}.`,
          "Give each name to one model.",
        );
      owners.set(own, name);
    }
    // Ranks of our own engine are parts of one process.
    if (engine !== "pagoda" && wanted.length > 0 && wanted.length < tensorParallel)
      throw fault(
        ["models", name, "devices"],
        `${name} needs ${tensorParallel} devices and may be on ${wanted.length}.`,
        `Set tensor_parallel to ${wanted.length}, or name more devices.`,
      );
    const unknown =
      devices.length === 0
        ? undefined
        : wanted.find((id) => devices.every(({ deviceId }) => deviceId !== id));
    if (unknown !== undefined)
      throw fault(
        ["models", name, "devices"],
        `${name} names the device ${shownText(unknown)}, which devices does not have.`,
        `Use one of ${devices.map(({ deviceId }) => deviceId).join(", ")}.`,
      );
  }
}

/** YAML's own complaints, for people who do not know its grammar. */
function syntaxFault({ label, lines }: YamlText, error: YAMLError, text: string): PagodaError {
  const { line } = lines.linePos(error.pos[0]);
  const written = text.split("\n")[line - 1] ?? "";
  const where = `${label} line ${line}`;
  const fault = (message: string, hint: string): PagodaError =>
    new PagodaError("invalid_option", `${where}: ${message}`, { hint, param: "file", cause: error });
  if (error.code === "TAB_AS_INDENT" || /^ *\t/.test(written))
    return fault(
      "The line begins with a tab, and YAML indents with spaces only.",
      "Replace the tab by spaces.",
    );
  if (error.code === "DUPLICATE_KEY")
    return fault(
      `The key '${shownText(written.trim().replace(/:.*$/, ""))}' is there twice.`,
      "Keep one of them.",
    );
  if (error.code === "BAD_INDENT" || error.code === "MISSING_CHAR" || error.code === "BLOCK_AS_IMPLICIT_KEY")
    return fault(
      `The line '${shownText(written.trim())}' does not fit the lines before it.`,
      "Put a ':' and a space behind each key, and indent keys of one mapping by the same number of spaces.",
    );
  return fault(
    `It is not YAML: ${shownText(error.message.replace(/\.$/, ""))}.`,
    "Mend the line; docs/fleet.md has an example of every field.",
  );
}
