/** @module The way the engines round, print and parse sizes. */
import { gib } from "../../core/byte-size.ts";

export { gib, mib } from "../../core/byte-size.ts";

/** Rounds up to a multiple of `step`. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

export function ceilDiv(dividend: number, divisor: number): number {
  return Math.ceil(dividend / divisor);
}

/**
 * Rounds to two decimals as Python's `round(x, 2)` does: correct rounding of the double, exact ties to even.
 * `toFixed` rounds the exact value too but sends ties up; a tie needs x·200 to be an odd integer exactly.
 */
export function pythonRound2(value: number): number {
  const scaled = value * 200;
  const isTie = Number.isInteger(scaled) && scaled % 2 !== 0 && scaled / 200 === value && isDyadicTie(value);
  if (!isTie) return Number(value.toFixed(2));
  const below = Math.floor(value * 100);
  return (below % 2 === 0 ? below : below + 1) / 100;
}

/** A double is exactly halfway between two hundredths only where eight times it is an integer (x.125, x.375 …). */
function isDyadicTie(value: number): boolean {
  return Number.isInteger(value * 8);
}

/** vLLM's `format_gib`: GiB rounded to two decimals, printed as Python prints a float (72.8, 16.0). */
export function formatGib(bytes: number): string {
  const rounded = pythonRound2(bytes / gib);
  return Number.isInteger(rounded) ? `${rounded}.0` : `${rounded}`;
}

/**
 * An integer as vLLM's `human_readable_int` reads it: `1k` = 1000 and fractions are allowed in lower case, `1K` = 1024 and
 * fractions are refused. Null where the text is no such number.
 */
export function parseHumanInteger(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)([kKmMgGtT]?)$/.exec(text.trim());
  if (match === null) return null;
  const [, digits = "", suffix = ""] = match;
  const power = "kmgt".indexOf(suffix.toLowerCase()) + 1;
  if (suffix === "") return digits.includes(".") ? null : Number(digits);
  if (suffix === suffix.toUpperCase()) return digits.includes(".") ? null : Number(digits) * 1024 ** power;
  return Math.trunc(Number(digits) * 1000 ** power);
}
