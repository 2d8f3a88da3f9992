/** @module Messages of a conversation on the wire, and their way to the chat template. */
import { z } from "zod";
import type { MessageToolCall } from "../../core/answer/tools.ts";
import { PagodaError } from "../../core/errors.ts";
import type { ChatMessage, TextPart } from "../../core/generation.ts";
import { parseJson } from "../../core/json/numbers.ts";
import { jsonObject } from "../json-object.ts";
import { shownText } from "../shown-text.ts";

const contentPart = z.looseObject({ type: z.string(), text: z.unknown().optional() });

const toolCall = z.looseObject({
  id: z.string().optional(),
  function: z.looseObject({
    name: z.string(),
    arguments: z
      .union([z.string(), jsonObject, z.array(z.unknown())], {
        error: "must be a JSON text or an object",
      })
      .nullish(),
  }),
});

export const messagesSchema = z
  .array(
    z.looseObject({
      role: z.string().min(1),
      content: z
        .union([z.string(), z.array(contentPart)], {
          error: `must be a text or an array of parts like {"type": "text", "text": "…"}`,
        })
        .nullish(),
      tool_calls: z.array(toolCall).nullish(),
    }),
  )
  .min(1, "must hold at least one message");

type WireMessage = z.infer<typeof messagesSchema>[number];

/**
 * Keeps of parts their text, and calls the `developer` role `system`, which is the name that templates know.
 * No content is an empty text, as in vLLM; any other field that is null is left out, and so is an empty list of tool
 * calls: many templates ask only whether a message has the field. Throws `invalid_request` for a part that is not text,
 * and for a call whose arguments are not JSON.
 */
export function toChatMessages(messages: readonly WireMessage[]): readonly ChatMessage[] {
  return messages.map(({ role, content, tool_calls: calls, ...others }, i) => ({
    ...withoutNulls(others),
    role: role === "developer" ? "system" : role,
    content: toContent(content, i),
    ...(calls === null || calls === undefined || calls.length === 0
      ? {}
      : { tool_calls: calls.map((call, j) => withParsedArguments(call, `messages.${i}.tool_calls.${j}`)) }),
  }));
}

function withoutNulls(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

/** Templates write the arguments as JSON themselves, so they get what the text says (vLLM does the same). */
function withParsedArguments(call: z.infer<typeof toolCall>, param: string): MessageToolCall {
  const stated = call.function.arguments ?? "";
  const parsed = typeof stated === "string" ? argumentsOf(stated, `${param}.function.arguments`) : stated;
  return { ...call, type: "function", function: { ...call.function, arguments: parsed } };
}

function argumentsOf(text: string, param: string): unknown {
  if (text === "") return {};
  try {
    return parseJson(text);
  } catch (cause) {
    throw new PagodaError("invalid_request", `'${param}' is not JSON: ${(cause as Error).message}.`, {
      param,
      hint: 'Send the arguments of the call as a JSON text, for example "{\\"city\\": \\"Paris\\"}".',
      cause,
    });
  }
}

function toContent(content: WireMessage["content"], messageIndex: number): ChatMessage["content"] {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  return content.map((part, i) => toTextPart(part, `messages.${messageIndex}.content.${i}`));
}

function toTextPart(part: z.infer<typeof contentPart>, param: string): TextPart {
  if (part.type === "text" && typeof part.text === "string") return { type: "text", text: part.text };
  throw new PagodaError(
    "invalid_request",
    `'${param}' is a part of type '${shownText(part.type)}', and this model reads texts only.`,
    {
      param,
      hint: `Send {"type": "text", "text": "…"}.`,
    },
  );
}
