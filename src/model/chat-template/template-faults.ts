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

/** The model's template, in `path`, does not parse. */
export function sourceFault(cause: unknown, path: string): PagodaError {
  return new PagodaError(
    "invalid_request",
    sentence(`This server cannot run the model's chat template, in ${basename(path)}: ${parseReason(cause)}`),
    {
      hint: "Send the text to /v1/completions, or start the server with a template that parses as --chat-template.",
      param: "messages",
      cause,
    },
  );
}

/** The template of a request does not parse. */
export function requestTemplateFault(cause: unknown): PagodaError {
  return new PagodaError(
    "invalid_request",
    sentence(`This server cannot run the 'chat_template' of the request: ${parseReason(cause)}`),
    {
      hint: "Send a Jinja template that parses, or leave 'chat_template' out.",
      param: "chat_template",
      cause,
    },
  );
}

/** Neither the model nor the request has a template. */
export function noTemplate(): PagodaError {
  return new PagodaError("invalid_request", "This model has no chat template, so it cannot take messages.", {
    hint: "Send the text to /v1/completions, or a 'chat_template' with the messages.",
    param: "messages",
  });
}

/** The template parses, and rendering it ended with `cause`. */
export function renderFault(cause: unknown): PagodaError {
  if (cause instanceof TemplateRefusal)
    return new PagodaError(
      "invalid_request",
      sentence(`The model's chat template refuses these messages: ${cause.message}`),
      { hint: "Change the messages as the template asks.", param: "messages", cause },
    );
  if (cause instanceof PythonError)
    return new PagodaError(
      "invalid_request",
      sentence(`These messages do not fit the model's chat template: ${cause.message} (${cause.type})`),
      { hint: "Send messages with the fields that the template reads.", param: "messages", cause },
    );
  if (cause instanceof TemplateLimitError)
    return new PagodaError(
      "invalid_request",
      sentence(`This server cannot run the model's chat template on these messages: ${cause.message}`),
      {
        hint: "Send shorter messages, or start the server with another template as --chat-template.",
        param: "messages",
        cause,
      },
    );
  throw cause;
}

/** Throws what is not a fault of a template. */
function parseReason(cause: unknown): string {
  if (cause instanceof TemplateSyntaxError) return `line ${cause.line}: ${cause.message}`;
  if (cause instanceof TemplateLimitError) return cause.message;
  throw cause;
}

/** One line that ends as sentences do, of a bounded length. */
function sentence(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  const short = line.length > maxReasonLength ? `${line.slice(0, maxReasonLength)}…` : line;
  return /[.!?…]$/.test(short) ? short : `${short}.`;
}
