/** @module White space as Python's `str` sees it (`str.isspace`, `str.strip`, `\s`), which differs from JavaScript's. */

/** For use inside the brackets of a regular expression. */
export const pythonSpace =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const spaceCharacters: ReadonlySet<string> = new Set(
  "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
);

export function isSpace(character: string): boolean {
  return spaceCharacters.has(character);
}

export function trimmedStart(text: string, isTrimmed: (character: string) => boolean = isSpace): string {
  let start = 0;
  while (start < text.length) {
    const length = characterLengthAt(text, start);
    if (!isTrimmed(text.slice(start, start + length))) break;
    start += length;
  }
  return start === 0 ? text : text.slice(start);
}

export function trimmedEnd(text: string, isTrimmed: (character: string) => boolean = isSpace): string {
  let end = text.length;
  while (end > 0) {
    const length = characterLengthBefore(text, end);
    if (!isTrimmed(text.slice(end - length, end))) break;
    end -= length;
  }
  return end === text.length ? text : text.slice(0, end);
}

/** 2 for a surrogate pair. */
function characterLengthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

function characterLengthBefore(text: string, end: number): number {
  return end >= 2 && (text.codePointAt(end - 2) ?? 0) > 0xffff ? 2 : 1;
}
