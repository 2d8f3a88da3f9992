/** @module Regular expressions as tokenizer files write them (Oniguruma), compiled for JavaScript. */
import { PagodaError } from "../../core/errors.ts";

/**
 * Differences that matter in tokenizer files: `\s` is Unicode White_Space (JavaScript's adds U+FEFF and lacks U+0085),
 * `\d` and `\w` are Unicode classes, `\A` and `\z` are the ends of the text, and a `-` or other mark may be escaped
 * needlessly.
 */
const escapeReplacements: Readonly<Record<string, string>> = {
  s: "\\p{White_Space}",
  S: "\\P{White_Space}",
  d: "\\p{Nd}",
  D: "\\P{Nd}",
  A: "(?<![\\s\\S])",
  z: "(?![\\s\\S])",
};
const keptEscapes = /^[bBnrtfvpPuxk0-9^$\\.*+?()[\]{}|/-]$/;

/** Throws PagodaError `model_unsupported` where the expression means something JavaScript cannot say. */
export function compilePattern(source: string, where: string): RegExp {
  const translated = source.replaceAll(/\\([\s\S])/gu, (whole, character: string) => {
    const replacement = escapeReplacements[character];
    if (replacement !== undefined) return replacement;
    return keptEscapes.test(character) ? whole : character;
  });
  try {
    return new RegExp(translated, "gu");
  } catch (cause) {
    throw new PagodaError("model_unsupported", `${where}: the pattern ${source} cannot be used`, { cause });
  }
}

export function literalPattern(text: string): RegExp {
  return new RegExp(escapeForPattern(text), "gu");
}

/** Every syntax character of a regular expression with the `u` flag, taken literally. */
export function escapeForPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
