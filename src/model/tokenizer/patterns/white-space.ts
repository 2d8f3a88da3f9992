/** @module Where white space (Unicode's White_Space, as Rust has it) begins and ends; JavaScript's own idea of it differs. */

/** All white space is one UTF-16 unit long. */
const isWhiteSpace = /^\p{White_Space}$/u;

/** Start of the white space that ends at `end`, not before `least`. */
export function whiteSpaceStart(text: string, end: number, least = 0): number {
  let start = end;
  while (start > least && isWhiteSpace.test(text.charAt(start - 1))) start--;
  return start;
}

/** End of the white space that starts at `start`. */
export function whiteSpaceEnd(text: string, start: number): number {
  let end = start;
  while (end < text.length && isWhiteSpace.test(text.charAt(end))) end++;
  return end;
}
