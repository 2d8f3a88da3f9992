/** @module Fills a rope table: per position rotaryDim f32, first the cosines of all pairs, then the sines. */
import type { RopeTable } from "../../program.ts";

/** Writes positions [start, end) of the table that begins at element `firstElement` of `f32`. */
export function fillRopeTable(
  f32: Float32Array,
  firstElement: number,
  { inverseFrequencies, attentionFactor }: RopeTable,
  start: number,
  end: number,
): void {
  const numPairs = inverseFrequencies.length;
  for (let position = start; position < end; position++) {
    const row = firstElement + position * 2 * numPairs;
    for (const [pair, inverseFrequency] of inverseFrequencies.entries()) {
      const angle = position * inverseFrequency;
      f32[row + pair] = attentionFactor * Math.cos(angle);
      f32[row + numPairs + pair] = attentionFactor * Math.sin(angle);
    }
  }
}
