/** @module Reads the values of a table of options out of flags and variables, each with its origin. */
import { PagodaError } from "../errors.ts";
import type { Resolved } from "../resolved.ts";
import { attributeOf, type Option, variableOf } from "./option.ts";

// biome-ignore lint/suspicious/noExplicitAny: a table holds options of many value types; Values<> restores each one.
export type OptionTable = Readonly<Record<string, Option<any>>>;

/** What was given for each option; null where nothing was. */
export type Values<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Option<infer T> ? Resolved<T> | null : never;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** A text out of a configuration file, among the texts of flags that were typed. */
export class FileText {
  readonly text: string;
  /** `serve.yaml line 3` */
  readonly place: string;

  constructor(text: string, place: string) {
    this.text = text;
    this.place = place;
  }

  toString(): string {
    return this.text;
  }
}

/** Flags win over variables. Throws `invalid_option` for two spellings of one option and a value that does not parse. */
export function readOptions<Table extends OptionTable>(
  table: Table,
  given: Readonly<Record<string, unknown>>,
  environment: Environment,
): Values<Table> {
  const values: Record<string, Resolved<unknown> | null> = {};
  for (const [key, option] of Object.entries(table))
    values[key] = fromFlags(option, given) ?? fromVariable(option, environment);
  // Each entry was read by the option of the same key, so it has that option's type.
  return values as Values<Table>;
}

function fromFlags(
  option: Option<unknown>,
  given: Readonly<Record<string, unknown>>,
): Resolved<unknown> | null {
  const typed = option.spellings.filter(({ flag }) => given[attributeOf(flag)] !== undefined);
  const [first, second] = typed;
  if (first === undefined) return null;
  if (second !== undefined)
    throw new PagodaError("invalid_option", `${first.flag} and ${second.flag} are the same option.`, {
      param: first.flag,
      hint: "Give one of them.",
    });
  const text = given[attributeOf(first.flag)];
  if (typeof text === "boolean")
    return { value: text, from: "flag", why: text ? first.flag : first.flag.replace("--", "--no-") };
  const parse = first.parse ?? option.parse;
  if (text instanceof FileText) {
    const name = `${text.place}: ${first.flag.slice(2)}`;
    return { value: parseNamed(name, text.text, parse), from: "file", why: `${name} ${text.text}` };
  }
  return parseFlag(first.flag, { parse }, String(text));
}

/** The value of a flag as typed: `--block-size`, `16`. Throws `invalid_option` where the text does not parse. */
export function parseFlag<T>(flag: string, { parse }: Pick<Option<T>, "parse">, text: string): Resolved<T> {
  return { value: parseNamed(flag, text, parse), from: "flag", why: `${flag} ${text}` };
}

function fromVariable(option: Option<unknown>, environment: Environment): Resolved<unknown> | null {
  const variable = variableOf(option);
  const text = environment[variable];
  if (text === undefined || text === "") return null;
  return { value: parseNamed(variable, text, option.parse), from: "environment", why: `${variable}=${text}` };
}

function parseNamed<T>(name: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (thrown) {
    if (!(thrown instanceof PagodaError)) throw thrown;
    throw new PagodaError(thrown.code, `${name}: ${thrown.message}`, {
      param: name,
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
    });
  }
}
