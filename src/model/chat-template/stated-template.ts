/** @module The template of `--chat-template`: the path of a file, or the template itself. */
import { readFileSync, statSync } from "node:fs";
import { PagodaError } from "../../core/errors.ts";
import type { StatedTemplate } from "./find-template.ts";
import { stringLiteralValue } from "./jinja/syntax/string-literal.ts";
import { JinjaTemplate } from "./jinja/template.ts";
import { TemplateSyntaxError } from "./jinja/values/errors.ts";

/**
 * As vLLM reads it: what is no file and has a brace or a line end is a template, in which `\n` is a line end. Throws PagodaError
 * `invalid_option` for a file that cannot be read and for a template that does not parse.
 */
export function statedTemplate(textOrPath: string): StatedTemplate {
  const stated = readTemplate(textOrPath);
  try {
    new JinjaTemplate(stated.text);
  } catch (cause) {
    if (!(cause instanceof TemplateSyntaxError)) throw cause;
    throw new PagodaError(
      "invalid_option",
      `The chat template of ${stated.origin} does not parse: line ${cause.line}: ${cause.message.replace(/\.$/, "")}.`,
      { hint: "Give a Jinja template that parses, or the path of a file that holds one.", cause },
    );
  }
  return stated;
}

function readTemplate(textOrPath: string): StatedTemplate {
  if (statSync(textOrPath, { throwIfNoEntry: false })?.isFile() === true)
    return { text: readFileSync(textOrPath, "utf8"), origin: textOrPath };
  if (/[{}\n]/.test(textOrPath)) return { text: unescaped(textOrPath), origin: "--chat-template" };
  throw new PagodaError("invalid_option", `The chat template file ${textOrPath} does not exist.`, {
    hint: "Give the path of a file, or the template itself, which has braces.",
  });
}

function unescaped(text: string): string {
  try {
    return stringLiteralValue(text);
  } catch (cause) {
    if (cause instanceof RangeError) return text;
    throw cause;
  }
}
