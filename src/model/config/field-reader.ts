/** @module Typed access to a loose configuration object: every refusal names the field, its value and what is allowed. */
import { PagodaError } from "../../core/errors.ts";
import { isJsonObject } from "../files/json-file.ts";

export type LooseFields = Readonly<Record<string, unknown>>;

export interface NumberBounds {
  readonly min: number;
  readonly max: number;
}

/** Reads the fields of one object. Absent and null are the same: "not given". */
export class FieldReader {
  /** Shown before field names in errors, e.g. `config.json: ` or `llama.`. */
  readonly #prefix: string;
  readonly #fields: LooseFields;

  constructor(fields: LooseFields, prefix: string) {
    this.#fields = fields;
    this.#prefix = prefix;
  }

  has(name: string): boolean {
    return this.raw(name) !== null;
  }

  /** The field as it stands, or null where it is absent or null. */
  raw(name: string): unknown {
    if (!Object.hasOwn(this.#fields, name)) return null;
    return this.#fields[name] ?? null;
  }

  get names(): readonly string[] {
    return Object.keys(this.#fields);
  }

  /** A whole number within bounds; `fallback` where it is not given (without one, that is an error). */
  integer(name: string, bounds: NumberBounds, fallback?: number): number {
    const value = this.number(name, bounds, fallback);
    if (!Number.isInteger(value)) throw this.refuse(name, "must be a whole number");
    return value;
  }

  number(name: string, bounds: NumberBounds, fallback?: number): number {
    const raw = this.raw(name);
    const value = typeof raw === "bigint" ? Number(raw) : raw;
    if (value === null) {
      if (fallback !== undefined) return fallback;
      throw this.refuse(name, "is missing");
    }
    if (typeof value !== "number" || !Number.isFinite(value))
      throw this.refuse(name, "must be a finite number");
    if (value < bounds.min || value > bounds.max)
      throw this.refuse(name, `must lie between ${bounds.min} and ${bounds.max}`);
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const raw = this.raw(name);
    if (raw === null) return fallback;
    if (typeof raw !== "boolean") throw this.refuse(name, "must be true or false");
    return raw;
  }

  string(name: string, fallback?: string): string {
    const raw = this.raw(name);
    if (raw === null && fallback !== undefined) return fallback;
    if (typeof raw !== "string") throw this.refuse(name, raw === null ? "is missing" : "must be a string");
    return raw;
  }

  /** Finite numbers within bounds, exactly `numEntries` of them. */
  numbers(name: string, bounds: NumberBounds, numEntries: number): readonly number[] {
    const raw = this.raw(name);
    if (!Array.isArray(raw)) throw this.refuse(name, "must be a list of numbers");
    if (raw.length !== numEntries)
      throw this.refuse(name, `must have ${numEntries} entries, it has ${raw.length}`);
    return raw.map((entry: unknown, i) => {
      if (typeof entry !== "number" || !(entry >= bounds.min && entry <= bounds.max))
        throw this.refuse(name, `entry ${i} must be a number between ${bounds.min} and ${bounds.max}`);
      return entry;
    });
  }

  /** A nested object, or null where it is not given. */
  object(name: string): FieldReader | null {
    const raw = this.raw(name);
    if (raw === null) return null;
    if (!isJsonObject(raw)) throw this.refuse(name, "must be an object");
    return new FieldReader(raw, `${this.#prefix}${name}.`);
  }

  /** The error for a field that is wrong in itself. */
  refuse(name: string, complaint: string): PagodaError {
    const value = this.has(name) ? ` (it is ${shown(this.raw(name))})` : "";
    return new PagodaError("model_invalid", `${this.#prefix}${name} ${complaint}${value}.`, {
      param: name,
      hint: "The model's configuration is damaged or was edited; fetch it again.",
    });
  }

  /** The error for a field that is right but asks for arithmetic that Pagoda does not have. */
  unsupported(name: string, why: string): PagodaError {
    return new PagodaError(
      "model_unsupported",
      `${this.#prefix}${name} = ${shown(this.raw(name))}: ${why}.`,
      {
        param: name,
        hint: "Pagoda refuses a field it would compute wrongly; use a checkpoint without it.",
      },
    );
  }
}

const maxShownCharacters = 80;

function shown(value: unknown): string {
  const text = typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > maxShownCharacters ? `${text.slice(0, maxShownCharacters)}…` : text;
}
