/** @module What an engine says in its last words, and the change that gets past it: a table for each engine. */
import { readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { editDistance } from "../../../core/options/nearest-names.ts";
import type { StartChange } from "./driver.ts";
import { type EngineStart, flagSpans } from "./engine-start.ts";

type Change = Omit<StartChange, "why">;

export interface Remedy {
  readonly pattern: RegExp;
  /** The component that lacked memory, `setting`, or `model`. */
  readonly missing: string;
  /** By the named groups of the pattern; null where it cannot be told. */
  change(found: Readonly<Record<string, string>>, start: EngineStart): Change | null;
}

export interface FoundRemedy {
  readonly missing: string;
  readonly changes: readonly StartChange[];
}

/** By the first line of the table that the text has; null where it has none. `why`: the sentence that the change answers. */
export function remedyFor(
  text: string,
  why: string,
  table: readonly Remedy[],
  start: EngineStart,
): FoundRemedy | null {
  for (const { pattern, missing, change } of table) {
    const found = pattern.exec(text);
    if (found === null) continue;
    const way = change(found.groups ?? {}, start);
    return { missing, changes: way === null ? [] : [{ ...way, why }] };
  }
  return null;
}

/** The name of `names` that is nearest to what was typed; null where none is near. */
export function nearestOf(typed: string, names: readonly string[]): string | null {
  const mostEdits = Math.max(2, Math.floor(typed.length / 3));
  const [first] = names
    .map((name) => ({ name, edits: editDistance(typed.toLowerCase(), name.toLowerCase()) }))
    .filter(({ edits }) => edits <= mostEdits)
    .toSorted((a, b) => a.edits - b.edits);
  return first?.name ?? null;
}

/** A mistyped flag under its right name, with the values that stood behind it. */
export function renamedFlag(typed: string, names: readonly string[], start: EngineStart): Change | null {
  const right = nearestOf(typed, names);
  const span = flagSpans(start).find(({ name }) => name === typed);
  if (right === null || span === undefined) return null;
  const values = span.inline === null ? start.words.slice(span.from + 1, span.to) : [span.inline];
  return { flags: [`without ${typed}`, [right, ...values].join(" ")] };
}

/** Another value of a flag: the nearest of those that the engine lists. */
export function nearestValue(flag: string, typed: string, listed: string): Change | null {
  const values = listed
    .split(/[\s,|]+|\bor\b/)
    .map((word) => word.replace(/^['"{[(]+|['"}\]).]+$/g, ""))
    .filter((word) => word !== "" && word !== "...");
  const right = nearestOf(typed, values);
  return right === null ? null : { flags: [`${flag} ${right}`] };
}

/** The model beside the one that is missing whose name is nearest. */
export function nearestModel(path: string, start: EngineStart): Change | null {
  const word = start.words.find(
    (candidate) => candidate === path || candidate.endsWith(`/${basename(path)}`),
  );
  if (word === undefined || !word.includes("/")) return null;
  const right = nearestOf(basename(word), namesIn(dirname(word)));
  return right === null ? null : { flags: [], model: { from: word, to: `${dirname(word)}/${right}` } };
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
