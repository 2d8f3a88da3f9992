/** @module Lengths of time as people write them in a fleet file. */

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** Milliseconds of `90s`, `10m`, `1h30m`, `500ms`, or a bare number of seconds; null where the text is none of them. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Math.round(Number(trimmed) * 1000);
  const parts = [...trimmed.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)/gy)];
  const read = parts.map(([whole]) => whole).join("");
  if (parts.length === 0 || read.length !== trimmed.length) return null;
  return Math.round(
    parts.reduce((sum, [, digits, unit = ""]) => sum + Number(digits) * (unitMs[unit] ?? 0), 0),
  );
}
