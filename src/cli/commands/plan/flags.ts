/** @module Flags of an engine out of the words behind a plan, and the planner's own options. */
import { PagodaError } from "../../../core/errors.ts";
import type { FlagValues } from "../../../planner/index.ts";

/** @throws PagodaError `plan_invalid` for a word that belongs to no flag, and for what the flags' reader refuses. */
export async function flagsOf(words: readonly string[], engine: string): Promise<FlagValues> {
  const { engineRules, strayWord, typedFlags } = await import("../../../planner/index.ts");
  const specs = engineRules.find(({ id }) => id === engine)?.flags ?? [];
  const { flags, positional } = typedFlags(words, specs);
  const [stray] = positional;
  if (stray !== undefined) throw strayWord(stray);
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
