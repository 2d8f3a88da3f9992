/** @module POST /tokenize, in vLLM's shape: a text or a conversation to token ids. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationService, Prompt, ServedModel } from "../../core/generation.ts";
import { messagesSchema } from "../chat/chat-messages.ts";
import { chatPromptShape, toChatPrompt } from "../chat/chat-prompt.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { parseBody } from "../fields/parse-body.ts";

export const tokenizeSchema = z.object({
  ...chatPromptShape,
  model: z.string().nullish(),
  prompt: z.string().nullish(),
  messages: messagesSchema.nullish(),
  add_special_tokens: z.boolean().nullish(),
  return_token_strs: z.boolean().nullish(),
});

export const tokenizeFields: EndpointFields<typeof tokenizeSchema> = { schema: tokenizeSchema };

export interface TokenizeRequest {
  readonly prompt: Prompt;
  /** Tokens as the vocabulary writes them, beside their ids. */
  readonly returnsEntries: boolean;
  /** Unknown to this endpoint: ignored, and logged. */
  readonly unknownFields: readonly string[];
}

export interface TokenizeResponse {
  readonly count: number;
  readonly max_model_len: number;
  readonly tokens: readonly number[];
  readonly token_strs: readonly string[] | null;
}

/** Throws `invalid_request` unless exactly one of `prompt` and `messages` is given. */
export function parseTokenizeRequest(body: unknown, model: ServedModel): TokenizeRequest {
  // As for an answer: the tokens that are counted here are those of the answer's prompt. Tools are only shown, never called.
  const { fields, unknownFields } = parseBody(body, tokenizeFields, new Set([...model.features, "tools"]));
  const returnsEntries = fields.return_token_strs ?? false;
  const { prompt, messages } = fields;
  if (typeof prompt === "string" && !messages) {
    const addSpecialTokens = fields.add_special_tokens ?? true;
    return { prompt: { kind: "text", text: prompt, addSpecialTokens }, returnsEntries, unknownFields };
  }
  if (!messages || typeof prompt === "string")
    throw new PagodaError("invalid_request", "The request must hold either 'prompt' or 'messages'.", {
      param: "prompt",
      hint: "Send one of the two.",
    });
  if (fields.add_special_tokens ?? false)
    throw new PagodaError("invalid_request", "'add_special_tokens' must be false with 'messages'.", {
      param: "add_special_tokens",
      hint: "The chat template writes the special tokens itself.",
    });
  return { prompt: toChatPrompt(messages, fields), returnsEntries, unknownFields };
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
