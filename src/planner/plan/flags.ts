/** @module Flags of an engine: known names with their aliases, and what was typed. */
import { PagodaError } from "../../core/errors.ts";
import { editDistance } from "../../core/options/nearest-names.ts";
import type { Origin, Resolved } from "../../core/resolved.ts";
import { parseHumanInteger } from "../quantity/bytes.ts";
import { nearest } from "../words/nearest.ts";
import type { FlagSpec, FlagValue, FlagValues } from "./flag.ts";

export type { FlagSpec } from "./flag.ts";

/** `--Tensor_Parallel-size` → `tensor-parallel-size`. */
export function plainFlag(name: string): string {
  return name.replace(/^-+/, "").replaceAll("_", "-");
}

/** Resolves typed flags against a table; keeps what does not touch memory for the command. */
export class FlagReader {
  readonly #values = new Map<string, FlagValue>();
  readonly #typedAs = new Map<string, string>();
  /** Flags that are not in the table, as typed. */
  readonly passedOn: string[] = [];

  constructor(engine: string, specs: readonly FlagSpec[], flags: FlagValues) {
    const byName = new Map<string, FlagSpec>();
    for (const spec of specs) for (const name of [spec.name, ...(spec.aliases ?? [])]) byName.set(name, spec);
    for (const [typed, value] of Object.entries(flags)) {
      const name = plainFlag(typed);
      const spec = byName.get(name) ?? (name.startsWith("no-") ? byName.get(name.slice(3)) : undefined);
      if (spec === undefined) this.#keepOrRefuse(engine, name, value, [...byName.keys()]);
      else {
        const isNegated = !byName.has(name);
        if (this.#values.has(spec.name))
          throw new PagodaError(
            "plan_invalid",
            `--${name} and --${this.#typedAs.get(spec.name)} are the same option.`,
            {
              param: name,
              hint: `State --${spec.name} once.`,
            },
          );
        this.#values.set(spec.name, isNegated ? "false" : value);
        this.#typedAs.set(spec.name, name);
      }
    }
  }

  /** A name close to a memory flag is a slip; anything else is none of the planner's business. */
  #keepOrRefuse(engine: string, name: string, value: FlagValue, known: readonly string[]): void {
    const close = nearest(name, known);
    const looksLikeMemory = /memory|cache|block|batch|seqs|model-len|session-len|prefill|parallel|quant/.test(
      name,
    );
    if (looksLikeMemory || editDistance(name, close) <= 2)
      throw new PagodaError("plan_invalid", `${engine} has no flag --${name}.`, {
        param: name,
        hint: `The nearest is --${close}.`,
      });
    this.passedOn.push(`--${name}`, ...wordsOf(value));
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
      const isOff = value === "false";
      words.push(isOff ? `--no-${name}` : `--${name}`);
      if (!isOff && value !== "true") words.push(...wordsOf(value));
    }
    return [...words, ...this.passedOn];
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
