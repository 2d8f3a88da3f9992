/** @module Reading fields of a configuration that came from outside: every number is checked, every gap has a name. */
import { PagodaError } from "../../core/errors.ts";

export type ConfigObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is ConfigObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads fields by any of their names and remembers which ones had to be assumed. */
export class ConfigFields {
  readonly source: ConfigObject;
  readonly assumed: string[] = [];

  constructor(source: ConfigObject) {
    this.source = source;
  }

  /** The first of `names` that is present, as a whole number of at least `least`; null where none is. */
  integer(names: readonly string[], least = 1): number | null {
    for (const name of names) {
      const value = this.source[name];
      if (value === undefined || value === null) continue;
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
