/** @module The commands with their options and words, as every shell's completion needs them. */
import type { Command, Option } from "commander";

/** What may stand behind an option, or as a command's next word. */
export type Wanted =
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** A model on this machine, or a path. */
  | { readonly kind: "models" }
  | { readonly kind: "files" }
  /** Numbers, sizes, names that nobody knows beforehand. */
  | { readonly kind: "anything" };

export interface CompletedOption {
  /** `--kv-dtype` */
  readonly flag: string;
  /** In one line. */
  readonly help: string;
  /** null: a switch. */
  readonly value: Wanted | null;
}

export interface CompletedCommand {
  /** `pagoda plan explain` */
  readonly path: string;
  readonly help: string;
  readonly options: readonly CompletedOption[];
  readonly commands: readonly CompletedCommand[];
  readonly argument: Wanted;
}

/** @param words the words that an option takes, by its flag. */
export function commandTree(
  command: Command,
  words: ReadonlyMap<string, readonly string[]>,
  parent = "",
): CompletedCommand {
  const path = `${parent} ${command.name()}`.trim();
  const [argument] = command.registeredArguments;
  const helper = command.createHelp();
  return {
    path,
    help: oneLine(command.description()),
    options: helper.visibleOptions(command).flatMap((option) => optionOf(option, words) ?? []),
    commands: helper
      .visibleCommands(command)
      .filter((inner) => inner.name() !== "help")
      .map((inner) => commandTree(inner, words, path)),
    argument: argumentOf(argument?.name() ?? "", argument?.argChoices),
  };
}

/** A command and all below it. */
export function withInner(command: CompletedCommand): CompletedCommand[] {
  return [command, ...command.commands.flatMap(withInner)];
}

function optionOf(option: Option, words: ReadonlyMap<string, readonly string[]>): CompletedOption | null {
  if (option.long === undefined || option.long === null) return null;
  const takesValue = option.required || option.optional;
  const known = option.argChoices ?? words.get(option.long);
  const value = known === undefined ? valueNamed(option.flags) : { kind: "words" as const, words: known };
  return { flag: option.long, help: oneLine(option.description), value: takesValue ? value : null };
}

function valueNamed(flags: string): Wanted {
  const [, name = ""] = /[<[]([^>\]]+)[>\]]/.exec(flags) ?? [];
  if (name === "model") return { kind: "models" };
  return { kind: /file|folder|path|template/i.test(name) ? "files" : "anything" };
}

function argumentOf(name: string, choices: readonly string[] | undefined): Wanted {
  if (choices !== undefined) return { kind: "words", words: choices };
  if (name === "model") return { kind: "models" };
  return { kind: /file|folder|log/i.test(name) ? "files" : "anything" };
}

const longestHelp = 72;

/** Its first sentence or part, without what shells read as syntax. */
function oneLine(text: string): string {
  const [first = ""] = text.split(/[.;(]\s|\s\(/);
  const plain = first
    .replaceAll(/[`'"\\$:[\]]/g, "")
    .replaceAll(/\s+/g, " ")
    .replace(/\.$/, "")
    .trim();
  return plain.length <= longestHelp ? plain : `${plain.slice(0, plain.lastIndexOf(" ", longestHelp))} …`;
}
