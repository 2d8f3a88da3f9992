/** @module The prompt of a conversation on the wire: its messages and the variables of the chat template. */
import { z } from "zod";
import type { ToolDefinition } from "../../core/answer/tools.ts";
import { PagodaError } from "../../core/errors.ts";
import type { Prompt } from "../../core/generation.ts";
import { toolDefinitions, toolsSchema } from "../answer/tool-use.ts";
import { jsonObject } from "../json-object.ts";
import { type messagesSchema, toChatMessages } from "./chat-messages.ts";

/** Names that other fields or the model's files set: `chat_template_kwargs` must not replace them. */
const reservedVariables: ReadonlySet<string> = new Set([
  "messages",
  "tools",
  "documents",
  "chat_template",
  "tokenize",
  "add_generation_prompt",
  "continue_final_message",
  "bos_token",
  "eos_token",
  "unk_token",
  "pad_token",
  "sep_token",
  "cls_token",
  "mask_token",
]);

/** The fields beside `messages` that /v1/chat/completions and /tokenize share. As on vLLM, the template sees the tools. */
export const chatPromptShape = {
  add_generation_prompt: z.boolean().nullish(),
  continue_final_message: z.boolean().nullish(),
  chat_template_kwargs: jsonObject.nullish(),
  chat_template: z.string().nullish(),
  tools: toolsSchema.nullish(),
} as const;

const chatPromptSchema = z.object(chatPromptShape);
type ChatPromptFields = z.infer<typeof chatPromptSchema>;

/** Throws `invalid_request` for fields that exclude each other and for a variable whose name is taken. */
export function toChatPrompt(
  messages: z.infer<typeof messagesSchema>,
  fields: ChatPromptFields,
  variables: Readonly<Record<string, unknown>> = {},
): Prompt {
  const continues = fields.continue_final_message ?? false;
  if (continues && (fields.add_generation_prompt ?? false))
    throw new PagodaError(
      "invalid_request",
      "'continue_final_message' and 'add_generation_prompt' exclude each other.",
      { param: "continue_final_message", hint: "Set 'add_generation_prompt' to false." },
    );
  const stated = fields.chat_template_kwargs ?? {};
  const reserved = Object.keys(stated).find((name) => reservedVariables.has(name));
  if (reserved !== undefined)
    throw new PagodaError("invalid_request", `'chat_template_kwargs' must not replace '${reserved}'.`, {
      param: "chat_template_kwargs",
      hint: `Leave '${reserved}' out of it.`,
    });
  return {
    kind: "chat",
    messages: toChatMessages(messages),
    addGenerationPrompt: fields.add_generation_prompt ?? !continues,
    continueFinalMessage: continues,
    tools: shownTools(fields.tools),
    templateVariables: { ...variables, ...stated },
    chatTemplate: fields.chat_template ?? null,
  };
}

function shownTools(tools: ChatPromptFields["tools"]): readonly ToolDefinition[] | null {
  return (tools ?? []).length === 0 ? null : toolDefinitions(tools);
}
