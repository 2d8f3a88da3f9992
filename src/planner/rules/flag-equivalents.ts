/** @module Helpers of the tables that say what a flag is in the words that all engines share. */
import type { FlagValue } from "../plan/flag.ts";
import { parseHumanInteger } from "../quantity/bytes.ts";
import type { Equivalent, FlagEquivalent } from "./engine-rules.ts";

/** Formats of numbers differ in scales and bytes a token, even where the bits are the same. */
export const sameBits = "the same bits: scales and bytes a token differ";

/** The value by a table of names; none where it is not in it. */
export function named(table: Readonly<Record<string, string>>): (value: FlagValue) => Equivalent {
  return (value) => ({ value: typeof value === "string" ? (table[value.toLowerCase()] ?? null) : null });
}

/** The value by a table; with a remark unless it is the word for "as the model is". */
export function namedFormat(table: Readonly<Record<string, string>>): (value: FlagValue) => Equivalent {
  const look = named(table);
  return (value) => {
    const found = look(value);
    return found.value === null || value === "auto" ? found : { ...found, remark: sameBits };
  };
}

/** A flag whose values mean the same in every engine. */
export const sameIn = (flag: string): FlagEquivalent => ({ flag });

/** A whole number that may be written as 32k or 32K, in digits: not every engine reads those. */
export function inDigits(value: FlagValue): Equivalent {
  const number = typeof value === "string" ? parseHumanInteger(value) : null;
  return { value: number === null ? value : String(number) };
}

/** Names of number types as all engines share them. */
export const dtypeNames: Readonly<Record<string, string>> = {
  half: "float16",
  float16: "float16",
  bfloat16: "bfloat16",
  auto: "auto",
};
