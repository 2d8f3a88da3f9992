/** @module Upper and lower case of texts, and the questions about their characters. */
import { chargeText } from "../values/bounds.ts";
import { isPrintable } from "../values/printing.ts";
import { characters } from "../values/text.ts";
import { isSpace } from "../values/white-space.ts";

export function upper(text: string): string {
  chargeText(text.length);
  return text.toUpperCase();
}

export function lower(text: string): string {
  chargeText(text.length);
  return text.toLowerCase();
}

export function casefold(text: string): string {
  return lower(upper(text)).replaceAll("ς", "σ");
}

export function swapCase(text: string): string {
  chargeText(text.length);
  return characters(text)
    .map((character) =>
      /\p{Lowercase}/u.test(character) ? character.toUpperCase() : character.toLowerCase(),
    )
    .join("");
}

export function capitalize(text: string): string {
  const [first = "", ...rest] = characters(text);
  return titleCase(first) + lower(rest.join(""));
}

/** Words begin after every character that has no case. */
export function title(text: string): string {
  chargeText(text.length);
  let isInWord = false;
  return characters(text)
    .map((character) => {
      const written = isInWord ? character.toLowerCase() : titleCase(character);
      isInWord = /\p{Cased}/u.test(character);
      return written;
    })
    .join("");
}

const digraphs: Readonly<Record<string, string>> = {
  Ǆ: "ǅ",
  ǆ: "ǅ",
  Ǉ: "ǈ",
  ǉ: "ǈ",
  Ǌ: "ǋ",
  ǌ: "ǋ",
  Ǳ: "ǲ",
  ǳ: "ǲ",
};

/** Of one character: capital, where several letters come of it the others small. */
function titleCase(character: string): string {
  const digraph = digraphs[character];
  if (digraph !== undefined) return digraph;
  const [first = "", ...rest] = characters(character.toUpperCase());
  return first + rest.join("").toLowerCase();
}

/** Digits that stand alone: superscripts, subscripts, circled and bracketed ones. */
const otherDigits =
  /[\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792]/u;
const numerals = /[\p{N}〇一二三四五六七八九十百千万億兆零壹贰叁肆伍陆柒捌玖拾佰仟萬两兩]/u;

const isDigit = (character: string): boolean => /\p{Nd}/u.test(character) || otherDigits.test(character);
const isAlnum = (character: string): boolean =>
  /\p{L}/u.test(character) || isDigit(character) || numerals.test(character);

/** Each asks whether all characters are so, and there is one. */
export const textQuestions: Readonly<Record<string, (text: string) => boolean>> = {
  isalnum: (text) => every(text, isAlnum),
  isalpha: (text) => every(text, (character) => /\p{L}/u.test(character)),
  isascii: (text) => /^\p{ASCII}*$/u.test(text),
  isdecimal: (text) => every(text, (character) => /\p{Nd}/u.test(character)),
  isdigit: (text) => every(text, isDigit),
  isidentifier: (text) => /^[\p{XID_Start}_]\p{XID_Continue}*$/u.test(text),
  islower: (text) => /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text),
  isnumeric: (text) => every(text, (character) => isDigit(character) || numerals.test(character)),
  isprintable: (text) => characters(text).every(isPrintable),
  isspace: (text) => every(text, isSpace),
  istitle: isTitle,
  isupper: (text) => /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text),
};

function every(text: string, holds: (character: string) => boolean): boolean {
  return text !== "" && characters(text).every(holds);
}

function isTitle(text: string): boolean {
  let isInWord = false;
  let hasWord = false;
  for (const character of characters(text)) {
    const isCapital = /[\p{Uppercase}\p{Lt}]/u.test(character);
    const isSmall = !isCapital && /\p{Lowercase}/u.test(character);
    if ((isCapital && isInWord) || (isSmall && !isInWord)) return false;
    isInWord = isCapital || isSmall;
    hasWord ||= isInWord;
  }
  return hasWord;
}
