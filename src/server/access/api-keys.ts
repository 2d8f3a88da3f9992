/** @module Keys of this server: what is stated for each, and the comparison with the key of a request. */
import { createHash, timingSafeEqual } from "node:crypto";
import { PagodaError } from "../../core/errors.ts";

export interface ApiKey {
  readonly key: string;
  /** For the log; null where none is stated. */
  readonly name: string | null;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
}

/** A key without limits. */
export function plainKey(key: string): ApiKey {
  return { key, name: null, requestsPerMinute: null, tokensPerMinute: null };
}

/** What a header can carry as it is. */
const keyCharacters = /^[\x21-\x7e]+$/;
const limitNames = {
  requests_per_minute: "requestsPerMinute",
  tokens_per_minute: "tokensPerMinute",
} as const;

/**
 * One key a line, with `name=`, `requests_per_minute=` and `tokens_per_minute=` behind it; `#` begins a comment. Throws
 * `invalid_option` that names the line, and never the key.
 */
export function parseKeyFile(text: string): ApiKey[] {
  const keys: ApiKey[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const words = line
      .replace(/(?:^|\s)#.*$/, "")
      .trim()
      .split(/\s+/)
      .filter((word) => word !== "");
    const [key, ...settings] = words;
    if (key === undefined) continue;
    keys.push(withSettings(checkedKey(key, `Line ${index + 1}`), settings, index + 1));
  }
  if (keys.length > 0) return keys;
  throw new PagodaError("invalid_option", "The file of keys holds no key.", {
    hint: "Write one key a line, or leave the option out.",
  });
}

/** Throws `invalid_option`, which does not repeat the key. */
export function checkedKey(key: string, where: string): string {
  if (keyCharacters.test(key)) return key;
  throw new PagodaError("invalid_option", `${where} holds a key with characters that no header can carry.`, {
    hint: "Use letters, digits and punctuation of ASCII.",
  });
}

function withSettings(key: string, settings: readonly string[], lineNumber: number): ApiKey {
  const stated: { name?: string; requestsPerMinute?: number; tokensPerMinute?: number } = {};
  for (const setting of settings) {
    const [, name = "", value = ""] = /^(\w+)=(.+)$/.exec(setting) ?? [];
    if (name === "name") stated.name = value;
    else if (Object.hasOwn(limitNames, name) && /^[1-9]\d{0,11}$/.test(value))
      stated[limitNames[name as keyof typeof limitNames]] = Number(value);
    else
      throw new PagodaError(
        "invalid_option",
        `Line ${lineNumber} of the file of keys has a setting that cannot be read.`,
        { hint: "Write name=TEXT, requests_per_minute=NUMBER or tokens_per_minute=NUMBER behind the key." },
      );
  }
  return { ...plainKey(key), ...stated };
}

/** Fixed length, so that a comparison takes the same time whatever was presented. */
export function digestOf(key: string): Buffer {
  return createHash("sha256").update(key, "utf8").digest();
}

/** Keys with something that belongs to each. */
export class KeyRing<Owner> {
  readonly #entries: readonly (readonly [digest: Buffer, owner: Owner])[];

  constructor(entries: readonly (readonly [key: string, owner: Owner])[]) {
    this.#entries = entries.map(([key, owner]) => [digestOf(key), owner]);
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Compares with every key, each in the same time; null where none is equal. */
  ownerOf(presented: string): Owner | null {
    const digest = digestOf(presented);
    let found: Owner | null = null;
    for (const [known, owner] of this.#entries) if (timingSafeEqual(known, digest)) found = owner;
    return found;
  }
}
