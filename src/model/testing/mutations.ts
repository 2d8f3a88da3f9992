/** @module Seeded damage to files: the same seed gives the same damage everywhere. */
import { seededUniform } from "../../core/seeded-uniform.ts";

/** Values that break length checks: just past signs, halves and ends of 32 and 64 bits. */
const extremes = [
  0n,
  1n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
  1_000_000_007n,
  0x20000000000000n,
] as const;

/** `focusBytes`: most damage is done in the first bytes, where the header is. */
export function mutated(original: Buffer, seed: number, focusBytes: number): Buffer {
  const random = seededUniform(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  let bytes: Buffer = Buffer.from(original);
  const numWounds = 1 + below(3);
  for (let wound = 0; wound < numWounds && bytes.length > 16; wound++) {
    const at = below(random() < 0.85 ? Math.min(focusBytes, bytes.length) : bytes.length);
    bytes = wounded(bytes, at, below);
  }
  return bytes;
}

function wounded(bytes: Buffer, at: number, below: (limit: number) => number): Buffer {
  const numBytes = 1 + below(24);
  const extreme = extremes[below(extremes.length)] ?? 0n;
  switch (below(8)) {
    case 0: // cut short
      return bytes.subarray(0, at);
    case 1: // a flipped bit
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
      return bytes;
    case 2: // a length that lies, 64 bits
      if (at + 8 <= bytes.length) bytes.writeBigUInt64LE(extreme, at);
      return bytes;
    case 3: // the same, 32 bits
      if (at + 4 <= bytes.length) bytes.writeUInt32LE(Number(extreme & 0xffffffffn), at);
      return bytes;
    case 4: // bytes lost
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + numBytes)]);
    case 5: // bytes doubled
      return Buffer.concat([bytes.subarray(0, at + numBytes), bytes.subarray(at)]);
    case 6: // bytes from elsewhere
      bytes.copyWithin(at, below(bytes.length), bytes.length);
      return bytes;
    default: // noise
      for (let index = at; index < Math.min(at + numBytes, bytes.length); index++) bytes[index] = below(256);
      return bytes;
  }
}

/** Damage that keeps JSON mostly readable, so that the fields themselves are reached: one value becomes another. */
export function mutatedJson(original: string, seed: number): string {
  const random = seededUniform(seed);
  const values = [...original.matchAll(/-?\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*"|true|false|null/g)];
  const chosen = values[Math.floor(random() * values.length)];
  if (chosen === undefined) return original;
  const replacements = [
    "0",
    "-1",
    "1e308",
    "4294967296",
    "9007199254740993",
    "0.5",
    "null",
    "true",
    '""',
    '"\\u0000"',
    "[]",
    "{}",
    "[[[]]]",
    '{"a":1}',
    '{"toString":1}',
    '"("',
    '"a b"',
  ];
  const replacement = replacements[Math.floor(random() * replacements.length)] ?? "0";
  return original.slice(0, chosen.index) + replacement + original.slice(chosen.index + chosen[0].length);
}

/** Deepest nesting that a rearrangement makes on purpose. */
const deepest = 2000;
/** Texts that are more than they seem where they are patterns, numbers or names. */
const hostileTexts = [
  "(a+)+$",
  "(a|a)*b",
  "(?:a*)*c",
  "[",
  "\\p{L}{1000000}",
  "a{99999999}",
  "(?=",
  "__proto__",
  "constructor",
  "\u0000",
  "\ud800",
  "x".repeat(100_000),
  "Infinity",
  "../../../etc/passwd",
] as const;

/** Damage to the structure of JSON: parts are lost, repeated, nested, exchanged, or become hostile texts. */
export function rearrangedJson(original: string, seed: number): string {
  const random = seededUniform(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const root: unknown = JSON.parse(original);
  const places = placesIn(root);
  const numChanges = 1 + below(3);
  for (let change = 0; change < numChanges; change++) {
    const place = places[below(places.length)];
    if (place !== undefined) rearrange(place, places, below);
  }
  return JSON.stringify(root);
}

interface Place {
  readonly parent: Record<string, unknown> | unknown[];
  readonly key: string;
}

/** Every fiftieth entry of a long list or table is enough: vocabularies would drown all else. */
const mostEntries = 50;

function placesIn(root: unknown): Place[] {
  const places: Place[] = [];
  const open: unknown[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== "object" || value === null) continue;
    const keys = Object.keys(value);
    const stride = Math.max(1, Math.floor(keys.length / mostEntries));
    for (let i = 0; i < keys.length; i += stride) {
      const key = keys[i] ?? "";
      places.push({ parent: value as Place["parent"], key });
      open.push((value as Record<string, unknown>)[key] ?? null);
    }
  }
  return places;
}

function rearrange({ parent, key }: Place, places: readonly Place[], below: (limit: number) => number): void {
  const fields = parent as Record<string, unknown>;
  const value = fields[key];
  switch (below(7)) {
    case 0:
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete fields[key];
      return;
    case 1:
      fields[key] = Array(1 + below(200)).fill(value);
      return;
    case 2: {
      let nested: unknown = value;
      const depth = below(deepest);
      for (let i = 0; i < depth; i++) nested = i % 2 === 0 ? [nested] : { a: nested };
      fields[key] = nested;
      return;
    }
    case 3: {
      const other = places[below(places.length)];
      // A copy: a part within itself would be no JSON.
      if (other !== undefined)
        fields[key] = JSON.parse(
          JSON.stringify((other.parent as Record<string, unknown>)[other.key] ?? null),
        );
      return;
    }
    case 4:
      if (Array.isArray(parent)) parent.push(...Array(below(20)).fill(value));
      else fields[`${key}${key}`] = value;
      return;
    case 5:
      fields[key] = { value };
      return;
    default:
      fields[key] = hostileTexts[below(hostileTexts.length)];
  }
}
