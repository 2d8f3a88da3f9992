/** @module Registers a table of options with commander and reads them back, each value with its origin. */
import { type Command, Option as CommanderOption } from "commander";
import { PagodaError } from "../../core/errors.ts";
import type { Resolved } from "../../core/resolved.ts";
import { attributeOf, type Option, variableOf } from "./option.ts";

// biome-ignore lint/suspicious/noExplicitAny: a table holds options of many value types; Values<> restores each one.
export type OptionTable = Readonly<Record<string, Option<any>>>;

/** What was given for each option; null where nothing was. */
export type Values<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Option<infer T> ? Resolved<T> | null : never;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of ours that are no option of a command: paths, a watch over kernels, and what our own tests read. */
const otherVariables: readonly string[] = [
  "PAGODA_OFFLINE",
  "PAGODA_CACHE",
  "PAGODA_HEAP_MIB",
  "PAGODA_KERNEL_GUARDS",
  "PAGODA_SOAK_REQUESTS",
  "PAGODA_WRITE_GOLDEN",
];

/** Filled while commands are registered, so that a variable of one command is no fault of another. */
const knownVariables = new Set(otherVariables);

/** Adds every spelling to the command; help shows the first and names the others. */
export function registerOptions(command: Command, table: OptionTable): void {
  for (const option of Object.values(table)) {
    knownVariables.add(variableOf(option));
    option.spellings.forEach(({ flag }, i) => {
      const argument = option.argument === null ? "" : ` <${option.argument}>`;
      const others = option.spellings.slice(1).map((spelling) => spelling.flag);
      const also = others.length === 0 ? "" : ` (also ${others.join(", ")})`;
      const registered = new CommanderOption(`${flag}${argument}`, `${option.help}${also}`);
      if (i > 0) registered.hideHelp();
      command.addOption(registered.helpGroup(option.group));
      if (option.argument === null)
        command.addOption(new CommanderOption(flag.replace("--", "--no-"), "").hideHelp());
    });
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
    throw new PagodaError(
      "invalid_option",
      `${first.flag} and ${second.flag} are the same option: give one of them`,
      {
        param: first.flag,
      },
    );
  const text = given[attributeOf(first.flag)];
  if (typeof text === "boolean")
    return { value: text, from: "flag", why: text ? first.flag : first.flag.replace("--", "--no-") };
  const value = parseNamed(first.flag, String(text), first.parse ?? option.parse);
  return { value, from: "flag", why: `${first.flag} ${String(text)}` };
}

function fromVariable(option: Option<unknown>, environment: Environment): Resolved<unknown> | null {
  const variable = variableOf(option);
  const text = environment[variable];
  if (text === undefined || text === "") return null;
  return { value: parseNamed(variable, text, option.parse), from: "environment", why: `${variable}=${text}` };
}

function parseNamed(name: string, text: string, parse: (text: string) => unknown): unknown {
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

/** Throws `invalid_option` for a PAGODA_ variable that no registered command has: a typing error would be a default. */
export function refuseUnknownVariables(environment: Environment): void {
  for (const name of Object.keys(environment)) {
    if (!name.startsWith("PAGODA_") || knownVariables.has(name)) continue;
    throw new PagodaError("invalid_option", `${name} is set, and no option has that variable`, {
      param: name,
      hint: "See pagoda serve --help, or unset it.",
    });
  }
}
