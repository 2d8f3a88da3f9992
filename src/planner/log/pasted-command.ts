/** @module The start command that people paste above their log, read by the parser of all commands. */
import { PagodaError } from "../../core/errors.ts";
import { shellCommands } from "../command/shell-words.ts";
import { typedFlags } from "../command/typed-flags.ts";
import type { FlagSpec, FlagValue } from "../plan/flag.ts";
import type { Collected } from "./collect-facts.ts";

/** The line with those that its backslashes join to it. */
function wholeCommand(lines: readonly string[], at: number): string {
  let text = lines[at] ?? "";
  for (let next = at + 1; /\\\s*$/.test(text) && next < lines.length; next++)
    text = `${text.replace(/\\\s*$/, " ")}${lines[next] ?? ""}`;
  return text;
}

/** Words of the first command of a text; none where its quotes do not close, as in a log that was cut. */
function wordsOf(text: string): readonly string[] {
  try {
    return shellCommands(text)[0] ?? [];
  } catch (error) {
    if (error instanceof PagodaError) return [];
    throw error;
  }
}

/** Flags of the table; a word that the engine would refuse says nothing. */
function knownFlags(words: readonly string[], specs: readonly FlagSpec[]) {
  const known = new Set(specs.map(({ name }) => name));
  try {
    const { flags, positional } = typedFlags(words, specs);
    const pairs = Object.entries(flags).filter(([name]) => known.has(name.replace(/^no-/, "")));
    return { pairs, positional };
  } catch (error) {
    if (error instanceof PagodaError) return { pairs: [], positional: [] };
    throw error;
  }
}

const modelFlags: readonly string[] = ["model", "model-path", "hf-repo"];

/**
 * Adds the model and the flags of pasted commands to the facts; what the log itself states stays.
 * @param start what precedes the words of the command, up to the model and the flags.
 */
export function readPastedCommands(
  facts: Collected,
  lines: readonly string[],
  start: RegExp,
  specs: readonly FlagSpec[],
): void {
  for (const [at, line] of lines.entries()) {
    if (!start.test(line)) continue;
    const text = wholeCommand(lines, at);
    const found = start.exec(text);
    const words = found === null ? [] : wordsOf(text.slice(found.index + found[0].length));
    const { pairs, positional } = knownFlags(words, specs);
    const stated: Record<string, FlagValue> = Object.fromEntries(pairs);
    const named = stated.model ?? stated["model-path"] ?? stated["hf-repo"] ?? positional[0];
    if (typeof named === "string" && !facts.modelNames.includes(named)) facts.modelNames.push(named);
    for (const [name, value] of pairs) if (!modelFlags.includes(name)) facts.flags[name] ??= value;
  }
}
