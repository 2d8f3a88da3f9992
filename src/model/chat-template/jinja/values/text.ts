/** @module Texts by code points, as Python counts them; JavaScript's strings count UTF-16 units. */
import { chargeText } from "./bounds.ts";

/** Joining two texts costs nothing until the result is read; results longer than this are charged all the same. */
const longText = 1 << 20;
const surrogates = /[\ud800-\udfff]/;

export function joined(a: string, b: string): string {
  const length = a.length + b.length;
  if (length > longText) chargeText(length);
  return a + b;
}

/** Whether a code point may take two units. */
export function hasSurrogates(text: string): boolean {
  return surrogates.test(text);
}

export function characters(text: string): readonly string[] {
  return hasSurrogates(text) ? Array.from(text) : text.split("");
}

export function textLength(text: string): number {
  if (!hasSurrogates(text)) return text.length;
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** The code points from `start` to before `stop`, both at least 0. */
export function subtext(text: string, start: number, stop: number): string {
  return hasSurrogates(text)
    ? Array.from(text).slice(start, stop).join("")
    : text.slice(start, Math.max(start, stop));
}

/** The number of code points before a position in units. */
export function characterIndex(text: string, unitIndex: number): number {
  return unitIndex < 0 ? unitIndex : textLength(text.slice(0, unitIndex));
}

/** Below 0 where `a` comes first, by code points. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  if (!hasSurrogates(a) && !hasSurrogates(b)) return a < b ? -1 : 1;
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < left.length && i < right.length; i += 1) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
