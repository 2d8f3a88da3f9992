/** @module The value of a string literal, by the rules of Python's `unicode-escape`. */

const simpleEscapes: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const hexLengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/**
 * `body` is the text between the quotes. Jinja writes what is not ASCII as an escape before it reads the escapes, so a
 * backslash before such a character is one before its escape. Throws RangeError where an escape is not complete.
 */
export function stringLiteralValue(body: string): string {
  if (!body.includes("\\")) return body;
  const source = body.replaceAll(/\\\P{ASCII}/gu, (pair) => `\\\\${asciiEscape(pair.slice(1)).slice(1)}`);
  let text = "";
  let at = 0;
  for (;;) {
    const backslash = source.indexOf("\\", at);
    if (backslash === -1) return text + source.slice(at);
    text += source.slice(at, backslash);
    const [value, length] = readEscape(source, backslash + 1);
    text += value;
    at = backslash + 1 + length;
  }
}

/** The escape whose first character after the backslash is at `at`: its value, and the characters that it takes. */
function readEscape(source: string, at: number): readonly [value: string, length: number] {
  const kind = source[at] ?? "";
  const simple = simpleEscapes[kind];
  if (simple !== undefined) return [simple, 1];
  const octal = /^[0-7]{1,3}/.exec(source.slice(at, at + 3))?.[0];
  if (octal !== undefined) return [String.fromCodePoint(Number.parseInt(octal, 8)), octal.length];
  const numDigits = hexLengths[kind];
  if (numDigits !== undefined) {
    const digits = source.slice(at + 1, at + 1 + numDigits);
    if (!new RegExp(`^[0-9a-fA-F]{${numDigits}}$`).test(digits))
      throw new RangeError(`truncated \\${kind}${"X".repeat(numDigits)} escape`);
    return [String.fromCodePoint(Number.parseInt(digits, 16)), 1 + numDigits];
  }
  if (kind === "N") throw new RangeError("names of characters (\\N{…}) are not known here");
  return [`\\${kind}`, kind.length];
}

function asciiEscape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}
