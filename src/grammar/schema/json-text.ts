/** @module JSON as expressions: blanks, strings, numbers, and values of any kind. */

import type { CodePointRange } from "../expression/expression.ts";
import {
  characters,
  choice,
  type Expression,
  nothing,
  optional,
  repeat,
  rule,
  sequence,
  text,
} from "../expression/expression.ts";

/** A number of more digits would lose some where it is read. */
const mostDigits = 15;

export const digit = characters([0x30, 0x39]);
const firstDigit = characters([0x31, 0x39]);
const hexadecimal: readonly CodePointRange[] = [
  [0x30, 0x39],
  [0x41, 0x46],
  [0x61, 0x66],
];

/** Of one character; surrogates only in pairs, so that the text stays valid Unicode. */
const escapeSequence = sequence(
  text("\\"),
  choice(
    characters(...[...'"\\/bfnrt'].map((char): CodePointRange => [char.charCodeAt(0), char.charCodeAt(0)])),
    sequence(
      text("u"),
      choice(
        sequence(
          characters([0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66]),
          repeat(characters(...hexadecimal), 3, 3),
        ),
        sequence(
          characters([0x44, 0x44], [0x64, 0x64]),
          characters([0x30, 0x37]),
          repeat(characters(...hexadecimal), 2, 2),
        ),
        sequence(
          characters([0x44, 0x44], [0x64, 0x64]),
          characters([0x38, 0x39], [0x41, 0x42], [0x61, 0x62]),
          repeat(characters(...hexadecimal), 2, 2),
          text("\\u"),
          characters([0x44, 0x44], [0x64, 0x64]),
          characters([0x43, 0x46], [0x63, 0x66]),
          repeat(characters(...hexadecimal), 2, 2),
        ),
      ),
    ),
  ),
);

const plainCharacter = characters([0x20, 0x21], [0x23, 0x5b], [0x5d, 0x10ffff]);

export const integerDigits = choice(text("0"), sequence(firstDigit, repeat(digit, 0, mostDigits - 1)));
export const integer = sequence(optional(text("-")), integerDigits);
const number = sequence(
  integer,
  optional(sequence(text("."), repeat(digit, 1, mostDigits))),
  optional(
    sequence(
      characters([0x45, 0x45], [0x65, 0x65]),
      optional(characters([0x2b, 0x2b], [0x2d, 0x2d])),
      repeat(digit, 1, 2),
    ),
  ),
);

/** Members and items of any value. */
const anyValue = rule("value");
const comma = sequence(rule("blank"), text(","), rule("blank"));
const list = (open: string, item: Expression, close: string): Expression =>
  sequence(
    text(open),
    rule("blank"),
    optional(sequence(item, repeat(sequence(comma, item), 0, null), rule("blank"))),
    text(close),
  );

/** The rules that `value` and the others need. */
export const jsonRules: ReadonlyMap<string, Expression> = new Map([
  // One line break and its indentation, or one blank: a model that likes blanks cannot write them without end.
  [
    "blank",
    choice(nothing, text(" "), sequence(text("\n"), repeat(characters([0x20, 0x20], [0x09, 0x09]), 0, 40))),
  ],
  ["character", choice(plainCharacter, escapeSequence)],
  ["string", sequence(text('"'), repeat(rule("character"), 0, null), text('"'))],
  ["number", number],
  ["integer", integer],
  ["array", list("[", anyValue, "]")],
  ["object", list("{", sequence(rule("string"), rule("blank"), text(":"), rule("blank"), anyValue), "}")],
  [
    "value",
    choice(
      rule("object"),
      rule("array"),
      rule("string"),
      rule("number"),
      text("true"),
      text("false"),
      text("null"),
    ),
  ],
]);

export const separator = comma;
export const colon = sequence(rule("blank"), text(":"), rule("blank"));
export const blank = rule("blank");
export const jsonTypes = ["object", "array", "string", "number", "boolean", "null"] as const;
export type JsonType = (typeof jsonTypes)[number];
