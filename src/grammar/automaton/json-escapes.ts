/** @module How characters stand inside a JSON string. */
import type { CodePointRange } from "../expression/expression.ts";

/** Characters that JSON.stringify escapes in two characters, and all that must not stand as they are. */
const shortEscapes: ReadonlyMap<number, string> = new Map([
  [0x22, '\\"'],
  [0x5c, "\\\\"],
  [0x08, "\\b"],
  [0x0c, "\\f"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
]);

const plainRanges: readonly CodePointRange[] = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0x10ffff],
];

/** Parts of `range` that stand as they are, and the escapes of the others. */
export function jsonStringRanges([first, last]: CodePointRange): {
  readonly plain: readonly CodePointRange[];
  readonly escapes: readonly string[];
} {
  const plain: CodePointRange[] = [];
  for (const [from, to] of plainRanges)
    if (Math.max(first, from) <= Math.min(last, to)) plain.push([Math.max(first, from), Math.min(last, to)]);
  const escapes: string[] = [];
  for (const code of [...Array(0x20).keys(), 0x22, 0x5c])
    if (code >= first && code <= last)
      escapes.push(shortEscapes.get(code) ?? `\\u${code.toString(16).padStart(4, "0")}`);
  return { plain, escapes };
}
