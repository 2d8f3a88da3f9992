/** @module Sizes as people type and read them. */
import { PagodaError } from "./errors.ts";

export const kib = 1024;
export const mib = 1024 * kib;
export const gib = 1024 * mib;

/**
 * Bytes per unit. Bare letters follow vLLM: lower case is decimal, upper case binary (`2g` = 2·10⁹, `2G` = 2 GiB).
 * `KB` … `TB` are decimal and `KiB` … `TiB` binary, in any case.
 */
const bareUnits: Readonly<Record<string, number>> = {
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  K: kib,
  M: mib,
  G: gib,
  T: 1024 * gib,
};
const namedUnits: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: kib,
  mib: mib,
  gib: gib,
  tib: 1024 * gib,
};

/** Whole bytes of `2GiB`, `1.5GB`, `700MiB`, `2g`, `2G` or `2147483648`. Throws `invalid_option`. */
export function parseByteSize(text: string): number {
  const [, digits = "", unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(text) ?? [];
  const unitBytes = unit === "" ? 1 : (bareUnits[unit] ?? namedUnits[unit.toLowerCase()]);
  const numBytes = unitBytes === undefined ? Number.NaN : Math.floor(Number(digits) * unitBytes);
  if (digits === "" || !Number.isSafeInteger(numBytes) || numBytes <= 0)
    throw new PagodaError("invalid_option", `'${text}' is not a size.`, {
      hint: "Write bytes or a number with a unit: 2147483648, 2GiB, 2GB, 700MiB.",
    });
  return numBytes;
}

/** `1.50 GiB`, `700.0 MiB`, `512 B`: for people. */
export function formatBytes(numBytes: number): string {
  const magnitude = Math.abs(numBytes);
  if (magnitude >= gib) return `${(numBytes / gib).toFixed(2)} GiB`;
  if (magnitude >= mib) return `${(numBytes / mib).toFixed(1)} MiB`;
  if (magnitude >= kib) return `${(numBytes / kib).toFixed(1)} KiB`;
  return `${numBytes} B`;
}

/** A size to copy into a flag, rounded up to whole MiB: `712MiB`. */
export function byteSizeArgument(numBytes: number): string {
  return `${Math.ceil(numBytes / mib)}MiB`;
}
