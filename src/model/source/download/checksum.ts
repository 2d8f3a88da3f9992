/** @module Checks a file against the digest that its source names. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { PagodaError } from "../../../core/errors.ts";

/** SHA-256 of the bytes, or git's object id: SHA-1 over "blob <bytes>\0" and the bytes. */
export interface ExpectedDigest {
  readonly kind: "sha256" | "gitBlob";
  readonly hex: string;
}

/** An entity tag of the hub: 64 hexadecimal digits are a SHA-256, 40 a git object; null for anything else. */
export function digestOfEtag(etag: string): ExpectedDigest | null {
  if (/^[0-9a-f]{64}$/.test(etag)) return { kind: "sha256", hex: etag };
  if (/^[0-9a-f]{40}$/.test(etag)) return { kind: "gitBlob", hex: etag };
  return null;
}

/** Throws PagodaError `download_failed` with both digests where the file is not what was promised. */
export async function verifyDigest(path: string, expected: ExpectedDigest): Promise<void> {
  const hash = startHash(expected.kind, statSync(path).size);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  const actual = hash.digest("hex");
  if (actual !== expected.hex)
    throw new PagodaError(
      "download_failed",
      `${path} has checksum ${actual}, but ${expected.hex} was promised; it has been removed.`,
      {
        hint: "Start again to fetch it anew; if it happens again, the source is damaged or not the real one.",
      },
    );
}

function startHash(kind: ExpectedDigest["kind"], numBytes: number): Hash {
  return kind === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${numBytes}\0`);
}
