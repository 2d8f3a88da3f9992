/** @module Registers a table of options with commander, and refuses variables that belong to no option. */
import { type Command, Option as CommanderOption } from "commander";
import { PagodaError } from "../../core/errors.ts";
import { variableOf, wordsOf } from "../../core/options/option.ts";
import type { Environment, OptionTable } from "../../core/options/read-options.ts";

/** Variables that are not options of a command: paths, a check of the kernels, and what the tests read. */
const otherVariables: readonly string[] = [
  "PAGODA_OFFLINE",
  // Marks the processes of a fleet's instance.
  "PAGODA_INSTANCE",
  // Given by a router to its instances.
  "PAGODA_ROUTER_KEY",
  "PAGODA_CACHE",
  "PAGODA_HEAP_MIB",
  "PAGODA_KERNEL_GUARDS",
  "PAGODA_SOAK_REQUESTS",
  "PAGODA_WRITE_GOLDEN",
];

/** Filled while commands are registered, so that each command accepts the variables of the others. */
const knownVariables = new Set(otherVariables);

const optionWords = new Map<string, readonly string[]>();

/** The words that registered options take, by flag; an option that takes anything else is not in it. */
export function wordsOfOptions(): ReadonlyMap<string, readonly string[]> {
  return optionWords;
}

/** Adds every spelling to the command; help shows the first and names the others. */
export function registerOptions(command: Command, table: OptionTable): void {
  for (const option of Object.values(table)) {
    knownVariables.add(variableOf(option));
    option.spellings.forEach(({ flag, parse = option.parse }, i) => {
      const words = wordsOf(parse);
      if (words !== null) optionWords.set(flag, words);
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

/** Throws `invalid_option` for a PAGODA_ variable that no registered command has: a typing error would be a default. */
export function refuseUnknownVariables(environment: Environment): void {
  for (const name of Object.keys(environment)) {
    if (!name.startsWith("PAGODA_") || knownVariables.has(name)) continue;
    throw new PagodaError("invalid_option", `${name} is set, and no option has that variable.`, {
      param: name,
      hint: "See pagoda serve --help, or unset it.",
    });
  }
}
