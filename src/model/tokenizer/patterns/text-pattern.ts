/** @module Regular expressions as tokenizer files write them (Oniguruma), compiled for JavaScript. */

import { PagodaError } from "../../../core/errors.ts";
import { damagedTokenizer, unknownTokenizerPart } from "../../files/damage-hints.ts";
import { translatePattern, UntranslatablePattern } from "./pattern-translator.ts";

/** Ten times as long as the longest of a known tokenizer. */
const mostPatternCharacters = 32_768;
/** V8 compiles an expression when it first meets a text, and once more for one with characters beyond Latin 1. */
const anyTexts = ["", "\u0100"];

/** Throws PagodaError `model_unsupported` where the expression means something that cannot be translated, or is too large. */
export function compilePattern(source: string, where: string): RegExp {
  if (source.length > mostPatternCharacters)
    throw new PagodaError(
      "model_unsupported",
      `${where}: a pattern has ${source.length} characters; at most ${mostPatternCharacters} are read.`,
      { hint: unknownTokenizerPart },
    );
  try {
    const compiled = new RegExp(translatePattern(source), "gv");
    for (const text of anyTexts) compiled.test(text);
    compiled.lastIndex = 0;
    return compiled;
  } catch (cause) {
    const what = cause instanceof UntranslatablePattern ? `: ${cause.message}` : "";
    throw new PagodaError("model_unsupported", `${where}: the pattern ${source} cannot be used${what}.`, {
      hint: unknownTokenizerPart,
      cause,
    });
  }
}

/** Any of several texts, the first that matches. Throws `model_invalid` where they are too many or too long for V8. */
export function anyLiteral(texts: readonly string[]): RegExp {
  try {
    const compiled = new RegExp(texts.map(escapeForPattern).join("|"), "gu");
    for (const text of anyTexts) compiled.test(text);
    compiled.lastIndex = 0;
    return compiled;
  } catch (cause) {
    const numCharacters = texts.reduce((sum, text) => sum + text.length, 0);
    throw new PagodaError(
      "model_invalid",
      `${texts.length} added tokens with ${numCharacters} characters are too large to be looked for.`,
      { hint: damagedTokenizer, cause },
    );
  }
}

/** Every syntax character of a regular expression with the `u` flag, taken literally. */
function escapeForPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
