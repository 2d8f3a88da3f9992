/** @module Values of flags from the mildest to the hardest, as remedies try them. */
import type { Step } from "../plan/change.ts";
import type { Plan } from "../plan/plan.ts";

/** A setting of a plan as a number; `fallback` where it is none. */
export function settingOf(plan: Plan, name: string, fallback: number): number {
  const value = Number(plan.settings[name]?.value ?? fallback);
  return Number.isFinite(value) ? value : fallback;
}

/** Half of `from`, a quarter, and so on down to `least`. */
export function halves(from: number, least: number): number[] {
  const values: number[] = [];
  for (let value = Math.floor(from / 2); value >= least; value = Math.floor(value / 2)) values.push(value);
  return values;
}

/** Shares in steps of a hundredth from `from` (left out) to `to`, up or down. */
export function hundredths(from: number, to: number): string[] {
  const [start, end] = [Math.round(from * 100), Math.round(to * 100)];
  const step = end < start ? -1 : 1;
  const values: string[] = [];
  for (let at = start + step; step < 0 ? at >= end : at <= end; at += step)
    values.push((at / 100).toFixed(2));
  return values;
}

const numLengths = 60;
const lengthStep = 16;

/** Lengths below `length`, longest first, in about sixty even steps of whole blocks of 16 tokens. */
export function shorterLengths(length: number): number[] {
  return Array.from(
    { length: numLengths },
    (_, at) => Math.floor((length * (numLengths - at)) / (numLengths + 1) / lengthStep) * lengthStep,
  ).filter((value) => value >= lengthStep);
}

/** One step for each value of one flag. */
export function stepsOf(flag: string, values: readonly (string | number)[]): Step[] {
  return values.map((value) => ({ flags: { [flag]: String(value) } }));
}

/** More cards than now: 2, 4, 8. */
export function moreRanks(plan: Plan, flag: string): Step[] {
  const now = settingOf(plan, flag, 1);
  return stepsOf(
    flag,
    [2, 4, 8].filter((count) => count > now),
  );
}

/** Shares from `from` to `to` hundredths, both included, rising. */
export function percentages(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, at) => ((from + at) / 100).toFixed(2));
}
