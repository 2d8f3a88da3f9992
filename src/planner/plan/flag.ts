/** @module What a flag of an engine is, and what it was given. */

export interface FlagSpec {
  /** Name without dashes; underscores and dashes are the same. */
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly kind: "integer" | "number" | "text" | "switch" | "list";
}

/** What a flag was given: one value, several, or none (a switch). */
export type FlagValue = string | true | readonly string[];

/** Flags as typed, without dashes: `gpu-memory-utilization` → "0.9"; a switch is true. */
export type FlagValues = Readonly<Record<string, FlagValue>>;
