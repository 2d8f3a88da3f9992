/** @module Numbers within bounds, and multiples, as automata over their digits. */

import type { Dfa } from "../expression/expression.ts";
import {
  characters,
  choice,
  type Expression,
  nothing,
  optional,
  repeat,
  sequence,
  text,
} from "../expression/expression.ts";
import { GrammarFault } from "../expression/fault.ts";
import { dfaOf, intersection } from "../regular/dfa.ts";
import { digit, integer, integerDigits } from "./json-text.ts";

/** Fraction digits of a number whose schema bounds it. */
const mostFractionDigits = 15;
const mostRemainders = 2000;

export interface NumberBounds {
  readonly min: number | null;
  readonly isMinExcluded: boolean;
  readonly max: number | null;
  readonly isMaxExcluded: boolean;
  readonly multipleOf: number | null;
  readonly isInteger: boolean;
}

/** null: no number is within the bounds. */
export function numberExpression(bounds: NumberBounds): Expression | null {
  const { min, max, multipleOf, isInteger } = bounds;
  if (min === null && max === null && multipleOf === null) return isInteger ? integer : null;
  const parts: Expression[] = [];
  const positive = magnitude(
    bounds.min,
    bounds.isMinExcluded,
    bounds.max,
    bounds.isMaxExcluded,
    isInteger,
    true,
  );
  const negative = magnitude(
    max === null ? null : -max,
    bounds.isMaxExcluded,
    min === null ? null : -min,
    bounds.isMinExcluded,
    isInteger,
    // 0 is written without a sign.
    false,
  );
  if (positive !== null) parts.push(positive);
  if (negative !== null) parts.push(sequence(text("-"), negative));
  if (parts.length === 0) return null;
  const within = choice(...parts);
  if (multipleOf === null) return within;
  const dfa = intersection(dfaOf(within), multiplesOf(multipleOf));
  return dfa.states.some((state) => state.isAccepting) ? { kind: "dfa", dfa, inJsonString: false } : null;
}

/** A decimal number ≥ 0, digit by digit. */
interface Decimal {
  readonly whole: string;
  readonly fraction: string;
}

function decimalOf(value: number): Decimal {
  const [mantissa = "0", exponent = "0"] = Math.abs(value).toString().split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  const shift = Number(exponent);
  const digits = shift >= 0 ? fraction.padEnd(shift, "0") : "0".repeat(-shift) + whole;
  if (shift < 0)
    return {
      whole: digits.slice(0, digits.length + shift).replace(/^0+(?=\d)/, "") || "0",
      fraction: digits.slice(digits.length + shift) + fraction,
    };
  return { whole: (whole + digits.slice(0, shift)).replace(/^0+(?=\d)/, ""), fraction: digits.slice(shift) };
}

/** Numbers ≥ 0 (or > 0) between the bounds; null if there are none. */
function magnitude(
  min: number | null,
  isMinExcluded: boolean,
  max: number | null,
  isMaxExcluded: boolean,
  isInteger: boolean,
  withZero: boolean,
): Expression | null {
  if (max !== null && (max < 0 || (max === 0 && (isMaxExcluded || !withZero)))) return null;
  const needsLow = min !== null && (min > 0 || (min === 0 && isMinExcluded));
  const low = needsLow ? decimalOf(min) : { whole: "0", fraction: "" };
  const isLowExcluded = needsLow ? isMinExcluded : !withZero;
  const high = max === null ? null : decimalOf(max);
  if (isInteger) return integersBetween(low, isLowExcluded, high, isMaxExcluded);
  return decimalsBetween(low, isLowExcluded, high, isMaxExcluded);
}

function integersBetween(
  low: Decimal,
  isLowExcluded: boolean,
  high: Decimal | null,
  isHighExcluded: boolean,
): Expression | null {
  let from = BigInt(low.whole);
  if (/[1-9]/.test(low.fraction) || isLowExcluded) from += 1n;
  let to: bigint | null = null;
  if (high !== null) {
    to = BigInt(high.whole);
    if (!/[1-9]/.test(high.fraction) && isHighExcluded) to -= 1n;
    if (to < from) return null;
  }
  return wholeBetween(from, to);
}

function decimalsBetween(
  low: Decimal,
  isLowExcluded: boolean,
  high: Decimal | null,
  isHighExcluded: boolean,
): Expression | null {
  const [from, to] = [BigInt(low.whole), high === null ? null : BigInt(high.whole)];
  if (to !== null && to < from) return null;
  const anyFraction = optional(sequence(text("."), repeat(digit, 1, mostFractionDigits)));
  const options: Expression[] = [];
  const lowEdge = { digits: low.fraction, isExcluded: isLowExcluded };
  const highEdge = high === null ? null : { digits: high.fraction, isExcluded: isHighExcluded };
  const atLow = fractionBetween(lowEdge, to === from ? highEdge : null);
  if (atLow !== null) options.push(sequence(text(low.whole), atLow));
  if (to === null) options.push(sequence(wholeBetween(from + 1n, null), anyFraction));
  else if (to > from) {
    if (to - 1n >= from + 1n) options.push(sequence(wholeBetween(from + 1n, to - 1n), anyFraction));
    const atHigh = fractionBetween(null, highEdge);
    if (atHigh !== null) options.push(sequence(text(high?.whole ?? ""), atHigh));
  }
  return options.length === 0 ? null : choice(...options);
}

/** Whole numbers between `from` and `to`, by their digits; `to` null: up to 15 digits. */
function wholeBetween(from: bigint, to: bigint | null): Expression {
  const upTo = to ?? 999_999_999_999_999n;
  if (to === null && from > upTo) return integerDigits;
  const options: Expression[] = [];
  for (let length = from.toString().length; length <= upTo.toString().length; length++) {
    const first = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const low = from > first ? from : first;
    const last = 10n ** BigInt(length) - 1n;
    const high = upTo < last ? upTo : last;
    if (low <= high) options.push(sameLength(low.toString(), high.toString()));
  }
  return choice(...options);
}

const digitsFrom = (first: number, last: number): Expression => characters([0x30 + first, 0x30 + last]);

/** Numbers of as many digits as both bounds have. */
function sameLength(low: string, high: string): Expression {
  if (low === "") return nothing;
  const [a, b] = [Number(low[0]), Number(high[0])];
  const rest = low.length - 1;
  if (/^0+$/.test(low) && /^9+$/.test(high)) return repeat(digit, low.length, low.length);
  if (a === b) return sequence(digitsFrom(a, a), sameLength(low.slice(1), high.slice(1)));
  const options = [
    sequence(digitsFrom(a, a), sameLength(low.slice(1), "9".repeat(rest))),
    sequence(digitsFrom(b, b), sameLength("0".repeat(rest), high.slice(1))),
  ];
  if (b - a > 1) options.push(sequence(digitsFrom(a + 1, b - 1), repeat(digit, rest, rest)));
  return choice(...options);
}

interface Edge {
  readonly digits: string;
  readonly isExcluded: boolean;
}

/** The point and digits (or nothing) of a fraction between two others; null if there is none. */
function fractionBetween(low: Edge | null, high: Edge | null): Expression | null {
  const digits = fractionDigits(low, high, mostFractionDigits, true);
  const options: Expression[] = digits === null ? [] : [sequence(text("."), digits)];
  if (endsHere(low, high)) options.push(nothing);
  return options.length === 0 ? null : choice(...options);
}

const isZero = (digits: string): boolean => !/[1-9]/.test(digits);

/** Whether a fraction may end here: only zeros are left of it. */
function endsHere(low: Edge | null, high: Edge | null): boolean {
  const isAboveLow = low === null || (isZero(low.digits) && !low.isExcluded);
  const isBelowHigh = high === null || !(isZero(high.digits) && high.isExcluded);
  return isAboveLow && isBelowHigh;
}

/** At least one digit if `isFirst`. An edge that is passed for good becomes null. */
function fractionDigits(
  low: Edge | null,
  high: Edge | null,
  mostDigits: number,
  isFirst: boolean,
): Expression | null {
  if (mostDigits === 0) return !isFirst && endsHere(low, high) ? nothing : null;
  if (low !== null && isZero(low.digits) && !low.isExcluded)
    return fractionDigits(null, high, mostDigits, isFirst);
  if (low === null && high === null) return repeat(digit, isFirst ? 1 : 0, mostDigits);
  const options: Expression[] = !isFirst && endsHere(low, high) ? [nothing] : [];
  const [a, b] = [
    low === null ? 0 : Number(low.digits[0] ?? 0),
    high === null ? 9 : Number(high.digits[0] ?? 0),
  ];
  const next = (edge: Edge): Edge => ({ ...edge, digits: edge.digits.slice(1) });
  for (let value = a; value <= b; value++) {
    const nextLow = low !== null && value === a ? next(low) : null;
    const nextHigh = high !== null && value === b ? next(high) : null;
    const rest = fractionDigits(nextLow, nextHigh, mostDigits - 1, false);
    if (rest !== null) options.push(sequence(digitsFrom(value, value), rest));
  }
  return options.length === 0 ? null : choice(...options);
}

/** Decimal numbers that are whole multiples of `step`. */
function multiplesOf(step: number): Dfa {
  const { whole, fraction } = decimalOf(step);
  const numFraction = fraction.replace(/0+$/, "").length;
  const modulus = Number(whole + fraction.slice(0, numFraction));
  if (!(modulus > 0) || modulus > mostRemainders)
    throw new GrammarFault(
      `'multipleOf' ${step} cannot be enforced: its digits make ${modulus}, and the most is ${mostRemainders}.`,
      "Leave 'multipleOf' out, or use a smaller one.",
    );
  return remainderDfa(modulus, numFraction);
}

/**
 * States: the sign, then remainder r with f fraction digits read (f = −1: before the point). The number times 10^numFraction
 * is a multiple of the modulus.
 */
function remainderDfa(modulus: number, numFraction: number): Dfa {
  const numPlaces = numFraction + 2;
  const stateOf = (remainder: number, place: number): number => 1 + remainder * numPlaces + place;
  const states: { isAccepting: boolean; edges: { range: readonly [number, number]; to: number }[] }[] = [
    { isAccepting: false, edges: [{ range: [0x2d, 0x2d], to: 0 }] },
  ];
  for (let value = 0; value < 10; value++)
    states[0]?.edges.push({ range: [0x30 + value, 0x30 + value], to: stateOf(value % modulus, 0) });
  for (let remainder = 0; remainder < modulus; remainder++)
    for (let place = 0; place < numPlaces; place++) {
      const numRead = Math.max(0, place - 1);
      let scaled = remainder;
      for (let i = numRead; i < numFraction; i++) scaled = (scaled * 10) % modulus;
      const edges: { range: readonly [number, number]; to: number }[] = [];
      // Place 1 is behind the point, before any digit.
      if (place === 0 && numFraction > 0) edges.push({ range: [0x2e, 0x2e], to: stateOf(remainder, 1) });
      if (place === 0 || place - 1 < numFraction)
        for (let value = 0; value < 10; value++)
          edges.push({
            range: [0x30 + value, 0x30 + value],
            to: stateOf((remainder * 10 + value) % modulus, place === 0 ? 0 : place + 1),
          });
      states[stateOf(remainder, place)] = { isAccepting: scaled === 0 && place !== 1, edges };
    }
  return { states, start: 0 };
}
