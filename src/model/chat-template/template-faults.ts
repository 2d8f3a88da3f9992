/** @module Why a chat template gave no prompt, in words that say whose fault it is. */
import { basename } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import {
  PythonError,
  TemplateLimitError,
  TemplateRefusal,
  TemplateSyntaxError,
} from "./jinja/values/errors.ts";

/** A template may put a whole message into its refusal. */
const maxReasonLength = 1000;

const replaceHint =
  "Send the text to /v1/completions, or put a template that parses into the model's folder as chat_template.jinja.";

/** The template in `path` does not parse. */
export function sourceFault(cause: unknown, path: string): PagodaError {
  if (!(cause instanceof TemplateSyntaxError || cause instanceof TemplateLimitError)) throw cause;
  const line = cause instanceof TemplateSyntaxError ? `line ${cause.line}: ` : "";
  return new PagodaError(
    "invalid_request",
    sentence(
      `This server cannot run the model's chat template, in ${basename(path)}: ${line}${cause.message}`,
    ),
    { hint: replaceHint, param: "messages", cause },
  );
}

/** The template parses, and rendering it ended with `cause`. */
export function renderFault(cause: unknown): PagodaError {
  const details = { param: "messages", cause };
  if (cause instanceof TemplateRefusal)
    return new PagodaError(
      "invalid_request",
      sentence(`The model's chat template refuses these messages: ${cause.message}`),
      details,
    );
  if (cause instanceof PythonError)
    return new PagodaError(
      "invalid_request",
      sentence(`These messages do not fit the model's chat template: ${cause.message} (${cause.type})`),
      details,
    );
  if (cause instanceof TemplateLimitError)
    return new PagodaError(
      "invalid_request",
      sentence(`This server cannot run the model's chat template on these messages: ${cause.message}`),
      details,
    );
  throw cause;
}

/** One line that ends as sentences do, of a bounded length. */
function sentence(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  const short = line.length > maxReasonLength ? `${line.slice(0, maxReasonLength)}…` : line;
  return /[.!?…]$/.test(short) ? short : `${short}.`;
}
