/** @module How deep a JSON text is nested, before it is parsed. */

const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Whether more than `most` objects and lists are open at once; text that is not JSON is for the parser to refuse. */
export function isNestedBeyond(text: string, most: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === quote) i = endOfString(text, i + 1);
    else if (code === openBracket || code === openBrace) {
      if (++depth > most) return true;
    } else if (code === closeBracket || code === closeBrace) depth--;
  }
  return false;
}

/** Of the quote that ends the string which begins at `start`; the text's length where none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start); end !== -1; end = text.indexOf('"', end + 1)) {
    let numBackslashes = 0;
    while (end - numBackslashes > start && text.charCodeAt(end - numBackslashes - 1) === backslash)
      numBackslashes++;
    if (numBackslashes % 2 === 0) return end;
  }
  return text.length;
}
