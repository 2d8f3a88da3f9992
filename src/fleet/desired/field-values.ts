/** @module The values of a fleet file's fields: what people write for a count, a size, a length of time or a flag. */
import { z } from "zod";
import { parseByteSize } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import { parseDuration } from "./durations.ts";
import type { FlagText, MemorySpec } from "./fleet-spec.ts";

const textOrNumber = (what: string) => z.union([z.string(), z.number()], { error: `must be ${what}` });

/** A whole number, also written as text. */
export function count(least: number, most: number, example: number) {
  const what = `a whole number from ${least} to ${most}, such as ${example}`;
  return textOrNumber(what).transform((given, context): number => {
    const text = String(given).trim();
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    context.addIssue({ code: "custom", message: `must be ${what}` });
    return z.NEVER;
  });
}

/** Whole bytes. */
export function byteSize() {
  const what = "a size, such as 700MiB, 12GiB or 12G";
  return textOrNumber(what).transform((given, context): number => {
    const bytes = bytesOf(String(given));
    if (bytes !== null) return bytes;
    context.addIssue({ code: "custom", message: `must be ${what}` });
    return z.NEVER;
  });
}

/** Milliseconds. */
export function duration() {
  const what = "a length of time, such as 90s, 10m or 1h";
  return textOrNumber(what).transform((given, context): number => {
    const ms = parseDuration(String(given));
    if (ms !== null) return ms;
    context.addIssue({ code: "custom", message: `must be ${what}` });
    return z.NEVER;
  });
}

export const flagTable = z
  .record(
    z.string(),
    z.union([z.string(), z.number(), z.boolean()], { error: "must be a text, a number, true or false" }),
  )
  .transform((given): Record<string, FlagText> => {
    const flags: Record<string, FlagText> = {};
    // Engines are given the digits of a number that is a text, and a switch as a switch.
    for (const [name, value] of Object.entries(given))
      flags[name.replace(/^--/, "").replaceAll("_", "-")] = typeof value === "number" ? String(value) : value;
    return flags;
  });

const memoryWhat = "a size (12GiB), a share of the device (0.5 or 50%), or flags of the engine";

/** `12GiB`, `0.5`, `50%`, or a mapping of the engine's own flags. */
export const memory = z.union(
  [
    z.union([z.string(), z.number()]).transform((given, context): MemorySpec => {
      const found = statedMemory(String(given).trim());
      if (found !== null) return found;
      context.addIssue({ code: "custom", message: `must be ${memoryWhat}` });
      return z.NEVER;
    }),
    flagTable.transform((flags): MemorySpec => ({ kind: "flags", flags })),
  ],
  { error: `must be ${memoryWhat}` },
);

function statedMemory(text: string): MemorySpec | null {
  const [, percent] = /^(\d+(?:\.\d+)?)\s*%$/.exec(text) ?? [];
  const share =
    percent === undefined ? (/^0?\.\d+$|^1(\.0*)?$/.test(text) ? Number(text) : null) : Number(percent) / 100;
  if (share !== null) return share > 0 && share <= 1 ? { kind: "share", share } : null;
  const bytes = bytesOf(text);
  return bytes === null ? null : { kind: "bytes", bytes };
}

function bytesOf(text: string): number | null {
  try {
    return parseByteSize(text);
  } catch (thrown) {
    if (thrown instanceof PagodaError) return null;
    throw thrown;
  }
}

/** `{file: PATH}` has been read when the schema sees it, so a secret is a text by then. */
export const secret = z
  .union([z.string(), z.strictObject({ file: z.string() })], {
    error: "must be a text, a variable or {file: PATH}",
  })
  .transform((given) => (typeof given === "string" ? given : ""));

/** A mapping, or compose's list of `NAME=value`. */
export const environment = z
  .union(
    [
      z.record(
        z.string(),
        z.union([z.string(), z.number(), z.boolean(), z.strictObject({ file: z.string() })]),
      ),
      z.array(z.string().regex(/^[A-Za-z_]\w*=/, { error: "must be NAME=value" })),
    ],
    { error: "must be a mapping of names to values, or a list of NAME=value" },
  )
  .transform(
    (given): Record<string, string> =>
      Array.isArray(given)
        ? Object.fromEntries(
            given.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
          )
        : Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)])),
  );

/** One, or a list of them. */
export const names = z
  .union([z.string(), z.array(z.string())], { error: "must be a name or a list of names" })
  .transform((given): string[] => (typeof given === "string" ? [given] : given));
