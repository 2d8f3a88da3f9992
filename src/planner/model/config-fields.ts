/** @module Reading fields of a configuration that came from outside: every number is checked, every gap has a name. */
import { PagodaError } from "../../core/errors.ts";

export type ConfigObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is ConfigObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const constants: Readonly<Record<string, string>> = { NaN: "null", Infinity: "1e999", "-Infinity": "-1e999" };

/**
 * A configuration as Python's json module reads it: `Infinity` and `NaN` stand for themselves outside strings.
 * @throws SyntaxError for anything else that is not JSON.
 */
export function parseConfigText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const plain = text.replace(
      /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g,
      (token) => constants[token] ?? token,
    );
    if (plain === text) throw error;
    return JSON.parse(plain);
  }
}

/** Reads fields by any of their names and remembers which ones had to be assumed. */
export class ConfigFields {
  readonly source: ConfigObject;
  readonly assumed: string[] = [];

  constructor(source: ConfigObject) {
    this.source = source;
  }

  /**
   * The first of `names` that is present, as a whole number of at least `least`; null where none is. Where at least 1 is
   * asked for, 0 means that there is none, as published configurations write it.
   */
  integer(names: readonly string[], least = 1): number | null {
    for (const name of names) {
      const value = this.source[name];
      if (value === undefined || value === null || (value === 0 && least === 1)) continue;
      if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > 2 ** 40)
        throw new PagodaError("model_invalid", `${name} is ${JSON.stringify(value)} in the configuration.`, {
          param: name,
          hint: `It must be a whole number of at least ${least}.`,
        });
      return value;
    }
    return null;
  }

  /** As `integer`, but its absence is an error that names the field. */
  required(names: readonly string[]): number {
    const value = this.integer(names);
    if (value !== null) return value;
    const zero = names.find((name) => this.source[name] === 0);
    if (zero !== undefined)
      throw new PagodaError("model_invalid", `${zero} is 0 in the configuration.`, {
        param: zero,
        hint: "It must be a whole number of at least 1.",
      });
    throw new PagodaError("model_invalid", `The configuration has no ${names[0]}.`, {
      ...(names[0] === undefined ? {} : { param: names[0] }),
      hint: `Add "${names[0]}"${names.length > 1 ? ` (or ${names.slice(1).join(", ")})` : ""} to config.json.`,
    });
  }

  /** As `integer`; where absent the fallback is taken and listed as assumed. */
  integerOr(names: readonly string[], fallback: number, why: string): number {
    const value = this.integer(names, 0);
    if (value !== null) return value;
    this.assumed.push(`${names[0]} = ${fallback} (${why})`);
    return fallback;
  }

  /** A whole number above 0; null where the field is something else, such as a list. */
  count(name: string): number | null {
    const value = this.source[name];
    return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : null;
  }

  boolean(name: string): boolean | null {
    const value = this.source[name];
    return typeof value === "boolean" ? value : null;
  }

  text(name: string): string | null {
    const value = this.source[name];
    return typeof value === "string" ? value : null;
  }

  number(name: string): number | null {
    const value = this.source[name];
    return typeof value === "number" && Number.isFinite(value) ? value : null;
  }

  object(name: string): ConfigObject | null {
    const value = this.source[name];
    return isObject(value) ? value : null;
  }

  list(name: string): readonly unknown[] | null {
    const value = this.source[name];
    return Array.isArray(value) ? value : null;
  }
}
