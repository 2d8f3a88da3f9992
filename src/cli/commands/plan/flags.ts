/** @module Flags of an engine out of the words of a command line. */
import { PagodaError } from "../../../core/errors.ts";

/** `--name value`, `--name=value` and switches; a word that belongs to no flag is refused. */
export function flagsOf(words: readonly string[]): Record<string, string | true> {
  const flags: Record<string, string | true> = {};
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word);
    if (match === null)
      throw new PagodaError("plan_invalid", `"${word}" belongs to no flag.`, {
        hint: "Write flags as --name value.",
      });
    const [, name = "", inline] = match;
    const next = words[at + 1];
    const takesNext =
      inline === undefined && next !== undefined && (!next.startsWith("-") || /^-\d/.test(next));
    if (takesNext) at++;
    flags[name] = inline ?? (takesNext && next !== undefined ? next : true);
  }
  return flags;
}

/** `vllm@0.21` → engine and version. */
export function engineAndVersion(text: string): { readonly engine: string; readonly version: string | null } {
  const [engine = "", version = ""] = text.split("@");
  return { engine: engine.toLowerCase(), version: version === "" ? null : version };
}

/** A whole number of at least 1 out of an option. */
export function wholeOption(name: string, text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1) return value;
  throw new PagodaError("plan_invalid", `--${name} must be a whole number of at least 1; got "${text}".`, {
    param: name,
    hint: `Write it as --${name} 4.`,
  });
}
