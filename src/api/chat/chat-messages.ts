/** @module Messages of a conversation on the wire, and their way to the chat template. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { ChatMessage, TextPart } from "../../core/generation.ts";

const contentPart = z.looseObject({ type: z.string(), text: z.unknown().optional() });

export const messagesSchema = z
  .array(
    z.looseObject({
      role: z.string().min(1),
      content: z
        .union([z.string(), z.array(contentPart)], {
          error: `must be a text or an array of parts like {"type": "text", "text": "…"}`,
        })
        .nullish(),
    }),
  )
  .min(1, "must hold at least one message");

type WireMessage = z.infer<typeof messagesSchema>[number];

/**
 * Keeps of parts their text, and calls the `developer` role `system`, which is the name that templates know.
 * No content is an empty text, as in vLLM. Throws `invalid_request` for a part that is not text.
 */
export function toChatMessages(messages: readonly WireMessage[]): readonly ChatMessage[] {
  return messages.map((message, i) => ({
    ...message,
    role: message.role === "developer" ? "system" : message.role,
    content: toContent(message.content, i),
  }));
}

function toContent(content: WireMessage["content"], messageIndex: number): ChatMessage["content"] {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  return content.map((part, i) => toTextPart(part, `messages.${messageIndex}.content.${i}`));
}

function toTextPart(part: z.infer<typeof contentPart>, param: string): TextPart {
  if (part.type === "text" && typeof part.text === "string") return { type: "text", text: part.text };
  throw new PagodaError("invalid_request", `'${param}': a part of type '${part.type}' is not supported`, {
    param,
    hint: `Send {"type": "text", "text": "…"}.`,
  });
}
