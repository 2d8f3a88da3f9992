/** @module POST /tokenize, in vLLM's shape: a text or a conversation to token ids. */
import { z } from "zod";
import { PagodaError } from "../core/errors.ts";
import type { GenerationService, Prompt, ServedModel } from "../core/generation.ts";
import { messagesSchema, toChatMessages } from "./chat-messages.ts";
import { assertModelIsServed, parseBody } from "./parse-body.ts";

const schema = z.object({
  model: z.string().nullish(),
  prompt: z.string().nullish(),
  messages: messagesSchema.nullish(),
  add_special_tokens: z.boolean().nullish(),
  return_token_strs: z.boolean().nullish(),
  add_generation_prompt: z.boolean().nullish(),
  continue_final_message: z.boolean().nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
});

export interface TokenizeRequest {
  readonly prompt: Prompt;
  /** Tokens as the vocabulary writes them, beside their ids. */
  readonly returnsEntries: boolean;
}

export interface TokenizeResponse {
  readonly count: number;
  readonly max_model_len: number;
  readonly tokens: readonly number[];
  readonly token_strs: readonly string[] | null;
}

/** Throws `invalid_request` unless exactly one of `prompt` and `messages` is given. */
export function parseTokenizeRequest(body: unknown, model: ServedModel): TokenizeRequest {
  const { fields } = parseBody(body, { schema, unsupported: {}, withoutEffect: new Set() });
  assertModelIsServed(fields.model, model);
  const returnsEntries = fields.return_token_strs ?? false;
  const { prompt, messages } = fields;
  if (typeof prompt === "string" && !messages)
    return {
      prompt: { kind: "text", text: prompt, addSpecialTokens: fields.add_special_tokens ?? true },
      returnsEntries,
    };
  if (!messages || typeof prompt === "string")
    throw new PagodaError("invalid_request", "send either 'prompt' or 'messages'", { param: "prompt" });
  const continues = fields.continue_final_message ?? false;
  return {
    prompt: {
      kind: "chat",
      messages: toChatMessages(messages),
      addGenerationPrompt: fields.add_generation_prompt ?? !continues,
      continueFinalMessage: continues,
      tools: null,
      templateVariables: fields.chat_template_kwargs ?? {},
    },
    returnsEntries,
  };
}

/** null once `signal` is aborted. */
export async function tokenizeResponse(
  request: TokenizeRequest,
  service: GenerationService,
  signal: AbortSignal,
): Promise<TokenizeResponse | null> {
  const tokenIds = await service.tokenize(request.prompt, signal);
  if (tokenIds === null) return null;
  return {
    count: tokenIds.length,
    max_model_len: service.model.maxModelLen,
    tokens: tokenIds,
    token_strs: request.returnsEntries ? tokenIds.map((tokenId) => service.vocabularyEntry(tokenId)) : null,
  };
}
