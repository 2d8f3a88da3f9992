/** @module What is wrong with a fleet file, each fault with its line and what to write instead. */
import type { Document, LineCounter } from "yaml";
import { isMap, isNode, isPair, isScalar } from "yaml";
import type { z } from "zod";
import { shownText } from "../../api/shown-text.ts";
import { PagodaError } from "../../core/errors.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import { fleetJsonSchema } from "./fleet-schema.ts";
import { foreignWords } from "./foreign-words.ts";

export interface YamlText {
  /** How messages name the file. */
  readonly label: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

type Path = readonly PropertyKey[];

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
}

/** Of all faults the first in the file: the others are often its consequences. */
export function schemaFault(text: YamlText, issues: readonly z.core.$ZodIssue[]): PagodaError {
  const faults = issues
    .map((issue) => faultOf(text, issue))
    .sort(
      (a, b) => Number(a.rank === missing) - Number(b.rank === missing) || a.line - b.line || a.rank - b.rank,
    );
  const [first] = faults;
  const others = faults.length - 1;
  const more =
    others === 0
      ? ""
      : ` There ${others === 1 ? "is 1 other fault" : `are ${others} other faults`} in the file.`;
  const where = `${text.label} line ${first?.line}`;
  return new PagodaError("invalid_option", `${where}: ${first?.message}`, {
    hint: `${first?.hint}${more}`,
    param: first?.param ?? "file",
  });
}

/** The rank of what is not there: often it is there under a wrong name. */
const missing = 1;

interface Fault {
  readonly line: number;
  /** Of faults of one line, the lower is the cause of the higher. */
  readonly rank: number;
  readonly message: string;
  readonly hint: string;
  readonly param: string;
}

function faultOf(text: YamlText, issue: z.core.$ZodIssue): Fault {
  if (issue.code === "unrecognized_keys") return unknownKey(text, issue.path, issue.keys[0] ?? "");
  const param = dotted(issue.path);
  const line = lineOf(text, issue.path);
  const given = valueAt(text, issue.path);
  if (given === undefined) {
    const key = String(issue.path.at(-1) ?? "models");
    const where = issue.path.length < 2 ? "The file" : dotted(issue.path.slice(0, -1));
    return {
      line,
      rank: missing,
      param,
      message: `${where} has no ${key}.`,
      hint: `Add ${key}: it ${must(issue)}.`,
    };
  }
  const shown =
    typeof given === "object" && given !== null
      ? Array.isArray(given)
        ? "a list"
        : "a mapping"
      : JSON.stringify(given);
  const name = param === "" ? "The file" : param;
  const isAllowedForm = must(issue).startsWith("must be ");
  const message = isAllowedForm
    ? `${name} is ${given === null ? "empty" : shownText(shown)}; it ${must(issue)}.`
    : `${name} ${must(issue)}.`;
  return { line, rank: 2, param, message, hint: hintFor(issue, given) };
}

function must(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type" && issue.message.startsWith("Invalid"))
    return `must be ${issue.expected === "record" || issue.expected === "object" ? "a mapping" : `a ${issue.expected}`}`;
  return issue.message.replace(/\.$/, "");
}

function hintFor(issue: z.core.$ZodIssue, given: unknown): string {
  const key = String(issue.path.at(-1) ?? "");
  if (Array.isArray(given) && key === "models")
    return "Write each model under its name: models: {small: {model: ./model.gguf}}.";
  if (given === null && key !== "") return `Write the keys of ${key} below it, with more spaces in front.`;
  const [, example] = /such as ([^,\s]+)/.exec(must(issue)) ?? [];
  return example === undefined
    ? `Change ${key || "the file"}; docs/fleet.md has an example of every field.`
    : `Write ${key}: ${example}.`;
}

function unknownKey(text: YamlText, path: Path, key: string): Fault {
  const known = keysAt(path);
  const [near] = nearestNames(key, known, 1);
  const isModel = path[0] === "models" && path.length === 2;
  const foreign = Object.hasOwn(foreignWords, key) ? foreignWords[key] : undefined;
  const meant = foreign ?? near;
  const where = path.length === 0 ? "the file" : isModel ? "a model" : dotted(path);
  const hint =
    meant === undefined
      ? `Use one of ${known.join(", ")}.`
      : meant.startsWith("nothing")
        ? `Leave it out${meant.slice("nothing".length).replace(": leave it out", "")}.`
        : `Use ${meant}.`;
  return {
    line: lineOf(text, [...path, key]),
    rank: 0,
    param: dotted([...path, key]),
    message: `'${shownText(key)}' is not a key of ${where}.`,
    hint,
  };
}

/** The keys that the schema knows at this place. */
function keysAt(path: Path): string[] {
  let at = fleetJsonSchema() as JsonSchema;
  for (const step of path) {
    const inner: JsonSchema | undefined =
      at.properties?.[String(step)] ??
      (typeof at.additionalProperties === "object" ? at.additionalProperties : undefined);
    const [object] = (inner?.anyOf ?? []).filter(({ properties }) => properties !== undefined);
    at = object ?? inner ?? {};
  }
  return Object.keys(at.properties ?? {});
}

function dotted(path: Path): string {
  return path.map(String).join(".");
}

function valueAt({ document }: YamlText, path: Path): unknown {
  const value = path.length === 0 ? document.contents : document.getIn(path, true);
  return isScalar(value) ? value.value : isNode(value) ? value.toJSON() : value;
}

/** Of the key, if the place is a value of a mapping; of the nearest place around it, if it is not there. */
export function lineOf({ document, lines }: YamlText, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = String(path[length - 1]);
    const pair = isMap(parent)
      ? parent.items.find((item) => isPair(item) && String(item.key) === key)
      : undefined;
    const node = pair?.key ?? document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
