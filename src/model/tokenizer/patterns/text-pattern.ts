/** @module Regular expressions as tokenizer files write them (Oniguruma), compiled for JavaScript. */

import { PagodaError } from "../../../core/errors.ts";
import { unknownTokenizerPart } from "../../files/damage-hints.ts";
import { translatePattern, UntranslatablePattern } from "./pattern-translator.ts";

/** Throws PagodaError `model_unsupported` where the expression means something that cannot be translated. */
export function compilePattern(source: string, where: string): RegExp {
  try {
    return new RegExp(translatePattern(source), "gv");
  } catch (cause) {
    const what = cause instanceof UntranslatablePattern ? `: ${cause.message}` : "";
    throw new PagodaError("model_unsupported", `${where}: the pattern ${source} cannot be used${what}.`, {
      hint: unknownTokenizerPart,
      cause,
    });
  }
}

export function literalPattern(text: string): RegExp {
  return new RegExp(escapeForPattern(text), "gu");
}

/** Every syntax character of a regular expression with the `u` flag, taken literally. */
export function escapeForPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
