/** @module The prompt up to the end of its last message, for the model to go on with it. */
import { PagodaError } from "../../core/errors.ts";
import type { ChatMessage, TextPart } from "../../core/generation.ts";

/** Stands at the end of the last message while the template renders; transformers' own mark, with its blank. */
const mark = "CONTINUE_FINAL_MESSAGE_TAG ";

/** Throws `invalid_request` where the last message has no text. */
export function withContinuationMark(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const last = messages.at(-1);
  const content = last?.content;
  if (last === undefined || lastText(content) === null)
    throw refused("'continue_final_message' needs a last message with text in its content.");
  return [...messages.slice(0, -1), { ...last, content: marked(content) }];
}

/** `text` without the mark and all behind it; `messages` are those without the mark. */
export function contentUpTo(text: string, messages: readonly ChatMessage[]): string {
  const content = lastText(messages.at(-1)?.content) ?? "";
  const at = text.lastIndexOf(mark.trim());
  if (at === -1 || !text.includes(content.trim()))
    throw refused(
      "'continue_final_message' is not possible: the model's chat template changes the last message.",
    );
  const before = text.slice(0, at);
  // Where the template takes white space off the end of a content, it takes it off this one as well.
  return text.startsWith(mark, at) ? before : before.trimEnd();
}

function marked(content: ChatMessage["content"] | undefined): ChatMessage["content"] {
  if (content === null || content === undefined || typeof content === "string")
    return `${content ?? ""}${mark}`;
  const [...parts] = content;
  const last = parts.pop();
  return last === undefined ? content : [...parts, { ...last, text: last.text + mark }];
}

function lastText(content: string | readonly TextPart[] | null | undefined): string | null {
  if (content === null || content === undefined) return null;
  return typeof content === "string" ? content : (content.at(-1)?.text ?? null);
}

function refused(message: string): PagodaError {
  return new PagodaError("invalid_request", message, {
    hint: "Leave continue_final_message out, or end the messages with the text to continue.",
    param: "continue_final_message",
  });
}
