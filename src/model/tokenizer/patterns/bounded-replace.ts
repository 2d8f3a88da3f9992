/** @module Replacing in a text without making it much longer: a model file's steps may each double it. */
import { PagodaError } from "../../../core/errors.ts";
import { damagedTokenizer } from "../../files/damage-hints.ts";

/** One character becomes eighteen in NFKC (U+FDFA); nothing else that a tokenizer does comes near it. */
const mostGrowth = 20;
const alwaysAllowed = 4096;
/** Whatever the text's own length. */
const mostCharacters = 8 * 2 ** 20;

/** Characters that a text of `length` may have after it was rewritten. */
function lengthLimit(length: number): number {
  return Math.max(length, Math.min(alwaysAllowed + mostGrowth * length, mostCharacters));
}

/** Throws `model_invalid` where rewriting has made a text much longer than it was. */
export function requireModestGrowth(rewritten: string, text: string): string {
  if (rewritten.length <= lengthLimit(text.length)) return rewritten;
  throw grown(text.length);
}

/** `text.replaceAll` with a literal replacement; stops with `model_invalid` as soon as the text becomes much longer. */
export function boundedReplace(text: string, matches: Iterable<RegExpExecArray>, content: string): string {
  const limit = lengthLimit(text.length);
  const pieces: string[] = [];
  let numCharacters = 0;
  let from = 0;
  for (const { 0: matched, index } of matches) {
    pieces.push(text.slice(from, index), content);
    numCharacters += index - from + content.length;
    if (numCharacters > limit) throw grown(text.length);
    from = index + matched.length;
  }
  if (from === 0 && pieces.length === 0) return text;
  pieces.push(text.slice(from));
  return pieces.join("");
}

function grown(length: number): PagodaError {
  return new PagodaError(
    "model_invalid",
    `The tokenizer's rewriting steps make more than ${lengthLimit(length)} characters of ${length}.`,
    { hint: damagedTokenizer },
  );
}
