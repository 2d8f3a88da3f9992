/**
 * @module Flags as people type them, under the names of an engine's table: the one place where they are normalised.
 *
 * What argparse and vLLM's parser accept is accepted: underscores for dashes, `--flag=value`, several values, a prefix that
 * only one flag has, `-tp 2`, `-O3`, and `--config.key value` for a key of a JSON value. A flag that the table does not
 * know is kept under its own name.
 */
import { PagodaError } from "../../core/errors.ts";
import type { FlagSpec, FlagValue, FlagValues } from "../plan/flag.ts";

const isFlag = (word: string): boolean => /^--?[A-Za-z]/.test(word);

export interface TypedFlags {
  readonly flags: FlagValues;
  /** Words that belong to no flag, in order. */
  readonly positional: readonly string[];
}

interface Flag {
  readonly name: string;
  /** `key.inner` behind the name. */
  readonly path: string | null;
  readonly spec: FlagSpec | null;
  readonly isNegated: boolean;
}

/** Reads the words behind a start command. @throws PagodaError `plan_invalid`: an ambiguous prefix, one flag twice. */
export function typedFlags(words: readonly string[], specs: readonly FlagSpec[]): TypedFlags {
  return new WordReader(words, specs).read();
}

class WordReader {
  readonly #words: readonly string[];
  readonly #byName = new Map<string, FlagSpec>();
  readonly #flags: Record<string, FlagValue> = {};
  readonly #positional: string[] = [];
  #at = 0;

  constructor(words: readonly string[], specs: readonly FlagSpec[]) {
    this.#words = words;
    for (const spec of specs)
      for (const name of [spec.name, ...(spec.aliases ?? [])]) this.#byName.set(name, spec);
  }

  read(): TypedFlags {
    while (this.#at < this.#words.length) {
      const word = this.#words[this.#at++] ?? "";
      if (isFlag(word)) this.#flag(word);
      else this.#positional.push(word);
    }
    return { flags: this.#flags, positional: this.#positional };
  }

  #flag(word: string): void {
    const equals = word.indexOf("=");
    const typed = equals === -1 ? word : word.slice(0, equals);
    const inline = equals === -1 ? null : word.slice(equals + 1);
    const joined = inline === null ? this.#joinedShort(typed) : null;
    const flag = this.#named(joined?.name ?? typed);
    const values = this.#values(flag, joined?.value ?? inline);
    if (flag.path === null) this.#put(flag, values);
    else this.#putKey(flag.name, flag.path, values.at(-1) ?? "true");
  }

  /** `-O3`: a short flag with its value behind it, where the whole is no flag itself. */
  #joinedShort(typed: string): { readonly name: string; readonly value: string } | null {
    const match = /^-([A-Za-z]+)(\d+)$/.exec(typed);
    const [, name = "", value = ""] = match ?? [];
    return match !== null && this.#byName.has(name) ? { name: `-${name}`, value } : null;
  }

  #named(typed: string): Flag {
    const [base = "", ...keys] = typed.replace(/^-+/, "").split(".");
    const path = keys.length === 0 ? null : keys.join(".").replaceAll("-", "_");
    const name = base.replaceAll("_", "-");
    const exact = this.#byName.get(name);
    if (exact !== undefined) return { name: exact.name, path, spec: exact, isNegated: false };
    const negated = name.startsWith("no-") ? this.#byName.get(name.slice(3)) : undefined;
    if (negated !== undefined) return { name: `no-${negated.name}`, path, spec: negated, isNegated: true };
    const abbreviated = typed.startsWith("--") ? this.#abbreviated(name) : null;
    return abbreviated === null
      ? { name, path, spec: null, isNegated: false }
      : { name: abbreviated.name, path, spec: abbreviated, isNegated: false };
  }

  /** argparse's rule: a beginning of one flag's name is that flag; of several, it is refused. */
  #abbreviated(name: string): FlagSpec | null {
    const specs = new Set<FlagSpec>();
    for (const [known, spec] of this.#byName) if (known.length > 3 && known.startsWith(name)) specs.add(spec);
    const [first] = specs;
    if (first === undefined || name.length < 3) return null;
    if (specs.size === 1) return first;
    const names = [...specs].map((spec) => `--${spec.name}`);
    throw new PagodaError("plan_invalid", `--${name} could be ${names.join(" or ")}.`, {
      param: name,
      hint: "Write the whole name of the one that is meant.",
    });
  }

  /** As many words as the flag takes: none for a switch, one for a value, all up to the next flag for the rest. */
  #values(flag: Flag, inline: string | null): string[] {
    if (inline !== null) return [inline];
    if (flag.isNegated) return [];
    if (flag.spec?.kind === "switch" && flag.path === null)
      return /^(true|false)$/i.test(this.#words[this.#at] ?? "") ? [this.#words[this.#at++] ?? ""] : [];
    const takesOne = flag.path !== null || (flag.spec !== null && flag.spec.kind !== "list");
    const values: string[] = [];
    while (this.#at < this.#words.length && !isFlag(this.#words[this.#at] ?? "")) {
      if (takesOne && values.length === 1) break;
      values.push(this.#words[this.#at++] ?? "");
    }
    return values;
  }

  /** A list that is given twice is one list; any other flag must say the same both times. */
  #put({ name, spec }: Flag, values: readonly string[]): void {
    const before = this.#flags[name];
    const isList = spec === null || spec.kind === "list";
    const all = isList && before !== undefined && before !== true ? [before, values].flat() : values;
    const [first] = all;
    const value = first === undefined ? true : all.length === 1 ? first : all;
    if (!isList && before !== undefined && before !== value)
      throw new PagodaError(
        "plan_invalid",
        `--${name} is given twice: ${shown(before)} and ${shown(value)}.`,
        {
          param: name,
          hint: "State it once; its short forms are the same flag.",
        },
      );
    this.#flags[name] = value;
  }

  /** `--speculative-config.method eagle3` is a key of the flag's JSON. Values are JSON where they can be, else text. */
  #putKey(name: string, path: string, value: string): void {
    const present = this.#flags[name];
    const root = typeof present === "string" ? jsonObject(name, present) : {};
    const keys = path.split(".");
    let inner: Record<string, unknown> = root;
    for (const key of keys.slice(0, -1)) {
      const next = inner[key];
      const object = isObject(next) ? next : {};
      inner[key] = object;
      inner = object;
    }
    inner[keys.at(-1) ?? ""] = jsonOrText(value);
    this.#flags[name] = JSON.stringify(root);
  }
}

const shown = (value: FlagValue): string => (value === true ? "on" : [value].flat().join(" "));

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function jsonObject(name: string, text: string): Record<string, unknown> {
  const value = jsonOrText(text);
  if (isObject(value)) return { ...value };
  throw new PagodaError("plan_invalid", `--${name} is given as ${JSON.stringify(text)} and by its keys.`, {
    param: name,
    hint: `Give all of it as JSON, or all of it as --${name}.key value.`,
  });
}
