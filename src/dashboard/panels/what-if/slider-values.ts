/** @module The values that sliders stop at. */
import { gib, mib } from "../../../core/byte-size.ts";

/** Powers of two and their middles from `from` to `to`, both included. */
export function doublings(from: number, to: number): readonly number[] {
  const values: number[] = [];
  for (let value = from; value < to; value *= 2) {
    values.push(value);
    if (value % 2 === 0 && value * 1.5 < to) values.push(value * 1.5);
  }
  return [...values, to];
}

/** Sizes up to `mostBytes`: fine steps where they are small. */
export function sizes(leastBytes: number, mostBytes: number): readonly number[] {
  const values: number[] = [];
  let value = Math.max(leastBytes, mib);
  while (value < mostBytes) {
    values.push(Math.round(value));
    const step = value < 2 * gib ? 32 * mib : value < 16 * gib ? 256 * mib : gib;
    value = (Math.floor(value / step) + 1) * step;
  }
  return [...values, mostBytes];
}

/** Hundredths from `from` to `to`, as numbers of two digits. */
export function hundredths(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => (from + at) / 100);
}

export const contexts = doublings(128, 131_072);
export const seatCounts = doublings(1, 1024);
export const stepTokenCounts = doublings(64, 32_768);
export const blockSizes = [16, 32, 64, 128] as const;
export const kvFormats = ["auto", "fp8", "int8", "int4"] as const;
export const rankCounts = [1, 2, 4, 8] as const;
export const replicaCounts = Array.from({ length: 16 }, (_, at) => at + 1);
