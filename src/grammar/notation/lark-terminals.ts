/** @module The terminals that `%import common.NAME` brings, as regular expressions. */

const integer = "[0-9]+";
const decimal = `(${integer}\\.[0-9]*|\\.${integer})`;
const exponent = `[eE][+-]?${integer}`;
const float = `(${integer}${exponent}|${decimal}(${exponent})?)`;
const number = `(${float}|${integer})`;

/** Name → pattern of the whole terminal. */
export const commonTerminals: ReadonlyMap<string, string> = new Map([
  ["DIGIT", "[0-9]"],
  ["HEXDIGIT", "[a-fA-F0-9]"],
  ["INT", integer],
  ["SIGNED_INT", `[+-]?${integer}`],
  ["DECIMAL", decimal],
  ["FLOAT", float],
  ["SIGNED_FLOAT", `[+-]?${float}`],
  ["NUMBER", number],
  ["SIGNED_NUMBER", `[+-]?${number}`],
  ["ESCAPED_STRING", '"([^"\\\\\\n]|\\\\[^\\n])*"'],
  ["LCASE_LETTER", "[a-z]"],
  ["UCASE_LETTER", "[A-Z]"],
  ["LETTER", "[a-zA-Z]"],
  ["WORD", "[a-zA-Z]+"],
  ["CNAME", "[a-zA-Z_][a-zA-Z0-9_]*"],
  ["WS_INLINE", "[ \\t]+"],
  ["WS", "[ \\t\\f\\r\\n]+"],
  ["CR", "\\r"],
  ["LF", "\\n"],
  ["NEWLINE", "(\\r?\\n)+"],
]);
