/** @module Messages of Ollama's protocol, and their way to the messages that chat templates read. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { messagesSchema } from "../chat/chat-messages.ts";
import { jsonObject } from "../json-object.ts";

const toolCall = z.looseObject({
  function: z.looseObject({ name: z.string(), arguments: jsonObject.nullish() }),
});

export const ollamaMessagesSchema = z.array(
  z.looseObject({
    role: z.string().min(1),
    content: z.string().nullish(),
    thinking: z.string().nullish(),
    images: z.array(z.unknown()).nullish(),
    tool_calls: z.array(toolCall).nullish(),
    tool_name: z.string().nullish(),
  }),
);

type WireMessage = z.infer<typeof messagesSchema>[number];

/** The same in OpenAI's shape. Throws `invalid_request` that names a message with images. */
export function toWireMessages(messages: z.infer<typeof ollamaMessagesSchema>): WireMessage[] {
  return messages.map(({ images, thinking, tool_name: toolName, ...message }, i) => {
    if ((images ?? []).length > 0) throw imageError(`messages.${i}.images`);
    return {
      ...message,
      ...((thinking ?? "") === "" ? {} : { reasoning_content: thinking }),
      ...((toolName ?? null) === null ? {} : { name: toolName }),
    };
  });
}

function imageError(param: string): PagodaError {
  return new PagodaError("invalid_request", `'${param}' has images, and this model reads texts only.`, {
    param,
    hint: "Leave the images out.",
  });
}
