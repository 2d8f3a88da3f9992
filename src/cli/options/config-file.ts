/** @module Options of a command out of a file: `--config serve.yaml`, the names of the flags without their dashes. */
import { readFileSync } from "node:fs";
import { isMap, isScalar, LineCounter, type Node, parseDocument, type YAMLMap } from "yaml";
import { PagodaError } from "../../core/errors.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import { attributeOf, type Option, variableOf } from "../../core/options/option.ts";
import { type Environment, FileText, type OptionTable } from "../../core/options/read-options.ts";

type Given = Readonly<Record<string, unknown>>;

interface Entry {
  readonly name: string;
  readonly place: string;
  readonly value: Node | null;
}

/**
 * What was typed, and for each option that was neither typed nor set by its variable what the file of `--config` says.
 * JSON is YAML too. @throws PagodaError `invalid_option` with the line of what is wrong.
 */
export function withConfigFile(table: OptionTable, given: Given, environment: Environment): Given {
  const { config: path } = given;
  if (typeof path !== "string") return given;
  const all: Record<string, unknown> = { ...given };
  const seen = new Map<Option<unknown>, Entry>();
  for (const entry of entriesOf(path)) {
    const { option, flag } = optionNamed(entry, table);
    const before = seen.get(option);
    if (before !== undefined)
      throw fault(
        `${entry.place}: ${before.name} and ${entry.name} are the same option.`,
        "Keep one of them.",
      );
    seen.set(option, entry);
    const text = textOf(entry, option);
    const isTyped = option.spellings.some((spelling) => given[attributeOf(spelling.flag)] !== undefined);
    if (!isTyped && !environment[variableOf(option)])
      all[attributeOf(flag)] = new FileText(text, entry.place);
  }
  return all;
}

function fault(message: string, hint: string): PagodaError {
  return new PagodaError("invalid_option", message, { param: "config", hint });
}

function entriesOf(path: string): readonly Entry[] {
  const lines = new LineCounter();
  const document = parseDocument(textOfFile(path), { lineCounter: lines, uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    const [what = ""] = error.message.split(/ at line |\n/);
    throw fault(`${path} line ${line}: ${what}.`, "Write one NAME: VALUE a line, as in max-model-len: 8192.");
  }
  const { contents } = document;
  if (contents === null) return [];
  if (!isMap(contents))
    throw fault(`${path} holds no options.`, "Write one NAME: VALUE a line, as in max-model-len: 8192.");
  return contents.items.map(({ key, value }: YAMLMap["items"][number]) => {
    const name = isScalar(key) ? String(key.value) : "";
    const { line } = lines.linePos(isScalar(key) ? (key.range?.[0] ?? 0) : 0);
    return { name, place: `${path} line ${line}`, value: value as Node | null };
  });
}

function textOfFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^\w+: /, "").replace(/, open .*/, "") : "";
    throw new PagodaError("invalid_option", `--config: ${path} cannot be read: ${reason}.`, {
      param: "config",
      hint: "Give the path of a YAML file with options.",
      cause,
    });
  }
}

/** `max-model-len`, `max_model_len` and `maxModelLen` are the same, with dashes in front or without. */
function flagOf(name: string): string {
  const words = name.replace(/^-+/, "").replaceAll("_", "-");
  return `--${words.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function optionNamed({ name, place }: Entry, table: OptionTable): { option: Option<unknown>; flag: string } {
  const flag = flagOf(name);
  const options = Object.values(table);
  const option = options.find(({ spellings }) => spellings.some((spelling) => spelling.flag === flag));
  if (option !== undefined) return { option, flag };
  if (flag === "--models")
    throw fault(`${place}: "models" belongs to a fleet file.`, "Start the fleet with pagoda up FILE.");
  const flags = options.flatMap(({ spellings }) => spellings.map((spelling) => spelling.flag.slice(2)));
  const near = nearestNames(flag.slice(2), flags, 1);
  const hint =
    near.length > 0 ? `The nearest is ${near.join(", ")}.` : "See pagoda serve --help for all names.";
  throw fault(`${place}: there is no option "${name}".`, hint);
}

/** A list becomes one text with commas, an object JSON; a number stays as it was written. */
function textOf({ name, place, value }: Entry, option: Option<unknown>): string {
  if (value === null || (isScalar(value) && value.value === null))
    throw fault(`${place}: ${name} has no value.`, "Give one, or leave the line out.");
  if (isScalar(value))
    return typeof value.value === "number" ? (value.source ?? String(value.value)) : String(value.value);
  const plain: unknown = value.toJSON();
  if (!Array.isArray(plain)) return JSON.stringify(plain);
  if (option.argument?.endsWith("...") !== true)
    throw fault(
      `${place}: ${name} takes one value, and the file has a list of ${plain.length}.`,
      "Give one of them.",
    );
  return plain.map(String).join(",");
}
