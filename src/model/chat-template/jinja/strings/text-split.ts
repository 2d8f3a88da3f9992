/** @module `split`, `rsplit`, `splitlines`, `partition`, `strip` and `replace` of texts. */

import { chargeSteps, chargeText } from "../values/bounds.ts";
import { valueError } from "../values/errors.ts";
import { characters } from "../values/text.ts";
import { isSpace, pythonSpace, trimmedEnd, trimmedStart } from "../values/white-space.ts";

/** `maxSplits` below 0 is no limit. */
export function split(text: string, separator: string | null, maxSplits: number): readonly string[] {
  const parts = separator === null ? splitAtSpace(text, maxSplits) : splitAt(text, separator, maxSplits);
  chargeSteps(parts.length);
  return parts;
}

export function rsplit(text: string, separator: string | null, maxSplits: number): readonly string[] {
  if (maxSplits < 0) return split(text, separator, maxSplits);
  const parts = separator === null ? rsplitAtSpace(text, maxSplits) : rsplitAt(text, separator, maxSplits);
  chargeSteps(parts.length);
  return parts;
}

function splitAt(text: string, separator: string, maxSplits: number): readonly string[] {
  if (separator === "") throw valueError("empty separator");
  if (maxSplits < 0) return text.split(separator);
  const parts: string[] = [];
  let at = 0;
  for (let i = 0; i < maxSplits; i += 1) {
    const found = text.indexOf(separator, at);
    if (found === -1) break;
    parts.push(text.slice(at, found));
    at = found + separator.length;
  }
  return [...parts, text.slice(at)];
}

function rsplitAt(text: string, separator: string, maxSplits: number): readonly string[] {
  if (separator === "") throw valueError("empty separator");
  const parts: string[] = [];
  let end = text.length;
  for (let i = 0; i < maxSplits && end >= separator.length; i += 1) {
    const found = text.lastIndexOf(separator, end - separator.length);
    if (found === -1) break;
    parts.push(text.slice(found + separator.length, end));
    end = found;
  }
  return [...parts, text.slice(0, end)].reverse();
}

const word = new RegExp(`[^${pythonSpace}]+`, "g");

function splitAtSpace(text: string, maxSplits: number): readonly string[] {
  const parts: string[] = [];
  for (const match of text.matchAll(word)) {
    if (maxSplits >= 0 && parts.length === maxSplits) return [...parts, text.slice(match.index)];
    parts.push(match[0]);
  }
  return parts;
}

function rsplitAtSpace(text: string, maxSplits: number): readonly string[] {
  const words = [...text.matchAll(word)];
  const numKept = Math.min(maxSplits, words.length);
  const kept = words.slice(words.length - numKept).map(([part]) => part);
  const last = words[words.length - numKept - 1];
  if (last === undefined) return kept;
  return [text.slice(0, last.index + last[0].length), ...kept];
}

/** What `splitlines` splits at, for use inside the brackets of a regular expression. */
const lineEnds = "\\n\\v\\f\\r\\x1c-\\x1e\\x85\\u2028\\u2029";
const lineEnd = new RegExp(`\\r\\n|[${lineEnds}]`, "g");

export function splitLines(text: string, keepsEnds: boolean): readonly string[] {
  const lines: string[] = [];
  let at = 0;
  for (const match of text.matchAll(lineEnd)) {
    const end = match.index + match[0].length;
    lines.push(text.slice(at, keepsEnds ? end : match.index));
    at = end;
  }
  if (at < text.length) lines.push(text.slice(at));
  chargeSteps(lines.length);
  return lines;
}

export function partition(text: string, separator: string, fromEnd: boolean): readonly string[] {
  if (separator === "") throw valueError("empty separator");
  const at = fromEnd ? text.lastIndexOf(separator) : text.indexOf(separator);
  if (at === -1) return fromEnd ? ["", "", text] : [text, "", ""];
  return [text.slice(0, at), separator, text.slice(at + separator.length)];
}

/** `stripped` is the set of characters that go; null is white space. */
export function strip(text: string, stripped: string | null, side: "both" | "start" | "end"): string {
  const set = stripped === null ? null : new Set(characters(stripped));
  const goes = set === null ? isSpace : (character: string): boolean => set.has(character);
  const end = side === "start" ? text : trimmedEnd(text, goes);
  return side === "end" ? end : trimmedStart(end, goes);
}

/** `count` below 0 is no limit. */
export function replace(text: string, old: string, replacement: string, count: number): string {
  const parts = old === "" ? gaps(text, count) : splitAt(text, old, count);
  chargeSteps(parts.length);
  chargeText(text.length + (parts.length - 1) * replacement.length);
  return parts.join(replacement);
}

/** The text cut before every character and at its end. */
function gaps(text: string, count: number): readonly string[] {
  const parts = ["", ...characters(text), ""];
  if (count < 0 || count >= parts.length - 1) return parts;
  return [...parts.slice(0, count), parts.slice(count).join("")];
}
