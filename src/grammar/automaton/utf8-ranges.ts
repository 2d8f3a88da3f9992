/** @module Ranges of code points as sequences of ranges of UTF-8 bytes. */
import type { CodePointRange } from "../expression/expression.ts";

/** One range for each byte of the encoding. */
export type ByteRanges = readonly (readonly [first: number, last: number])[];

/** The last code point of each length, and the surrogates, which have no encoding. */
const lengthEnds = [0x7f, 0x7ff, 0xffff, 0x10ffff];
const surrogates = [0xd800, 0xdfff] as const;

/** All byte sequences of the code points in `range`, without overlaps. */
export function utf8Ranges([first, last]: CodePointRange): readonly ByteRanges[] {
  if (first > last) return [];
  if (first <= surrogates[1] && last >= surrogates[0])
    return [...utf8Ranges([first, surrogates[0] - 1]), ...utf8Ranges([surrogates[1] + 1, last])];
  for (const end of lengthEnds)
    if (first <= end && last > end) return [...utf8Ranges([first, end]), ...utf8Ranges([end + 1, last])];
  // Cut so that every byte but the first one differing runs over all its values.
  for (let numBits = 6; numBits <= 18; numBits += 6) {
    const mask = 2 ** numBits - 1;
    if (first >>> numBits === last >>> numBits) continue;
    if ((first & mask) !== 0)
      return [...utf8Ranges([first, first | mask]), ...utf8Ranges([(first | mask) + 1, last])];
    if ((last & mask) !== mask)
      return [...utf8Ranges([first, (last & ~mask) - 1]), ...utf8Ranges([last & ~mask, last])];
  }
  const [from, to] = [encode(first), encode(last)];
  return [from.map((byte, i) => [byte, to[i] as number] as const)];
}

function encode(codePoint: number): readonly number[] {
  if (codePoint <= 0x7f) return [codePoint];
  const tail = (shift: number): number => 0x80 | ((codePoint >>> shift) & 0x3f);
  if (codePoint <= 0x7ff) return [0xc0 | (codePoint >>> 6), tail(0)];
  if (codePoint <= 0xffff) return [0xe0 | (codePoint >>> 12), tail(6), tail(0)];
  return [0xf0 | (codePoint >>> 18), tail(12), tail(6), tail(0)];
}
