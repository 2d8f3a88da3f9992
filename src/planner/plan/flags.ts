/** @module Flags of an engine: known names with their aliases, and what was typed. */
import { PagodaError } from "../../core/errors.ts";
import { editDistance } from "../../core/options/nearest-names.ts";
import type { Origin, Resolved } from "../../core/resolved.ts";
import { parseHumanInteger } from "../quantity/bytes.ts";
import { nearest } from "../words/nearest.ts";
import type { FlagSpec, FlagValue, FlagValues } from "./flag.ts";

export type { FlagSpec } from "./flag.ts";

/** `--Tensor_Parallel-size` → `tensor-parallel-size`. */
function plainFlag(name: string): string {
  return name.replace(/^-+/, "").replaceAll("_", "-");
}

const tables = new WeakMap<readonly FlagSpec[], ReadonlyMap<string, FlagSpec>>();

/** The flags of a table by name and alias; made once for each table. */
function byName(specs: readonly FlagSpec[]): ReadonlyMap<string, FlagSpec> {
  const present = tables.get(specs);
  if (present !== undefined) return present;
  const table = new Map<string, FlagSpec>();
  for (const spec of specs) for (const name of [spec.name, ...(spec.aliases ?? [])]) table.set(name, spec);
  tables.set(specs, table);
  return table;
}

/**
 * Flags under the names of the table: aliases and underscores are resolved, and a negated switch is false. A flag that the
 * table does not have stays as it is.
 * @throws PagodaError `plan_invalid` where one flag is given twice, or where a name is nearly that of a flag.
 */
export function canonicalFlags(engine: string, specs: readonly FlagSpec[], flags: FlagValues): FlagValues {
  const table = byName(specs);
  const typedAs = new Map<string, string>();
  const canonical: Record<string, FlagValue> = {};
  for (const [typed, value] of Object.entries(flags)) {
    const name = plainFlag(typed);
    const spec = table.get(name);
    const negated = name.startsWith("no-") && spec === undefined ? table.get(name.slice(3)) : undefined;
    const own = spec ?? negated;
    if (own === undefined) checkUnknown(engine, name, [...table.keys()]);
    const key = own?.name ?? name;
    const before = typedAs.get(key);
    if (before !== undefined)
      throw new PagodaError("plan_invalid", `--${name} and --${before} are the same flag.`, {
        param: name,
        hint: `State --${key} once.`,
      });
    typedAs.set(key, name);
    canonical[key] = negated === undefined ? value : "false";
  }
  return canonical;
}

/** A name close to a memory flag is a slip; anything else does not concern memory and is passed on. */
function checkUnknown(engine: string, name: string, known: readonly string[]): void {
  const close = nearest(name, known);
  const looksLikeMemory = /memory|cache|block|batch|seqs|model-len|session-len|prefill|parallel|quant/.test(
    name,
  );
  if (!looksLikeMemory && editDistance(name, close) > 2) return;
  throw new PagodaError("plan_invalid", `${engine} has no flag --${name}.`, {
    param: name,
    hint: `The nearest is --${close}.`,
  });
}

/** Reads flags that are under the names of a table; keeps those outside the table for the command. */
export class FlagReader {
  readonly #table: ReadonlyMap<string, FlagSpec>;
  readonly #values = new Map<string, FlagValue>();

  /** @param flags under the names of the table (`canonicalFlags`), in the order in which they were typed. */
  constructor(specs: readonly FlagSpec[], flags: FlagValues) {
    this.#table = byName(specs);
    for (const [name, value] of Object.entries(flags)) this.#values.set(name, value);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The one value of a flag; null where it was not given. */
  #one(name: string, wanted: string): string | null {
    const value = this.#values.get(name);
    if (value === undefined) return null;
    if (typeof value === "string") return value;
    throw this.#refuse(name, value, wanted);
  }

  #refuse(name: string, value: FlagValue, wanted: string): PagodaError {
    const got = value === true ? "no value" : wordsOf(value).join(" ");
    return new PagodaError("plan_invalid", `--${name} must be ${wanted}; got ${got}.`, {
      param: name,
      hint: `Write it as --${name} VALUE.`,
    });
  }

  integer(name: string): number | null {
    const wanted = "a whole number, such as 8192, 8k (8000) or 8K (8192)";
    const value = this.#one(name, wanted);
    if (value === null) return null;
    const number = value === "-1" ? -1 : parseHumanInteger(value);
    if (number === null) throw this.#refuse(name, value, wanted);
    return number;
  }

  number(name: string): number | null {
    const value = this.#one(name, "a number");
    if (value === null) return null;
    const number = value.trim() === "" ? Number.NaN : Number(value);
    if (!Number.isFinite(number)) throw this.#refuse(name, value, "a number");
    return number;
  }

  text(name: string): string | null {
    return this.#one(name, "one value");
  }

  /** What stands behind a flag that takes several words; null where it was not given. */
  words(name: string): readonly string[] | null {
    const value = this.#values.get(name);
    return value === undefined ? null : wordsOf(value);
  }

  /** True, false, or null where it was not given. */
  switched(name: string): boolean | null {
    const value = this.#values.get(name);
    if (value === undefined) return null;
    return typeof value !== "string" || !/^(false|0|no|off)$/i.test(value);
  }

  /** The flags as a command line, names as the engine spells them. */
  asCommand(): string[] {
    const words: string[] = [];
    for (const [name, value] of this.#values) {
      const isSwitch = this.#table.get(name)?.kind === "switch";
      const isOff = isSwitch && value === "false";
      words.push(isOff ? `--no-${name}` : `--${name}`);
      if (!isSwitch) words.push(...wordsOf(value));
    }
    return words;
  }
}

/** The words behind a flag. */
function wordsOf(value: FlagValue): readonly string[] {
  if (value === true) return [];
  return typeof value === "string" ? [value] : value;
}

/** A setting and where its value came from. */
export function setting<T>(value: T, from: Origin, why?: string): Resolved<T> {
  return why === undefined ? { value, from } : { value, from, why };
}
