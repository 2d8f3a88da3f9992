/** @module POST /v1/chat/completions: wire types, parser, and the builders of both kinds of answer. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest, ServedModel } from "../../core/generation.ts";
import type { AnswerIdentity, GenerationExchange } from "../exchange.ts";
import { assertModelIsServed, type BodyRules, parseBody } from "../parse-body.ts";
import { samplingShape, toSamplingParams } from "../sampling-fields.ts";
import { fieldsWithoutEffect, unsupportedInChat } from "../unsupported-fields.ts";
import { streamOptionsSchema, toUsageShown } from "../usage.ts";
import type { ChatAnswer } from "./chat-answer.ts";
import { ChatBodyBuilder } from "./chat-body.ts";
import { ChatChunkBuilder } from "./chat-chunks.ts";
import { messagesSchema } from "./chat-messages.ts";
import { chatPromptShape, toChatPrompt } from "./chat-prompt.ts";

const chatSchema = z.object({
  ...samplingShape,
  ...chatPromptShape,
  model: z.string().nullish(),
  messages: messagesSchema,
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().nonnegative().nullish(),
  stream: z.boolean().nullish(),
  stream_options: streamOptionsSchema,
  add_special_tokens: z.literal(false).nullish(),
  reasoning_effort: z.string().nullish(),
  return_tokens_as_token_ids: z.boolean().nullish(),
  return_token_ids: z.boolean().nullish(),
  priority: z.number().int().nullish(),
  request_id: z.string().nullish(),
});
type ChatFields = z.infer<typeof chatSchema>;

const rules: BodyRules<typeof chatSchema> = {
  schema: chatSchema,
  unsupported: unsupportedInChat,
  withoutEffect: fieldsWithoutEffect,
};

/**
 * The numbered checks of a chat request: known fields, model, template, sampling.
 * Throws `invalid_request` or `model_not_found`, naming the field.
 */
export function parseChatRequest(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(body, rules);
  assertModelIsServed(fields.model, model);
  assertTemplateFits(fields, model);
  const request = toGenerationRequest(fields, model, identity.answerId);
  const answer = toAnswer(fields, request, model, identity);
  return {
    requests: [request],
    streams: fields.stream ?? false,
    unknownFields,
    newBody: (tokens) => new ChatBodyBuilder(answer, tokens),
    newChunks: (tokens) => new ChatChunkBuilder(answer, tokens),
  };
}

function assertTemplateFits(fields: ChatFields, model: ServedModel): void {
  if (!model.hasChatTemplate)
    throw new PagodaError("invalid_request", `the model '${model.modelId}' has no chat template`, {
      param: "messages",
      hint: "Use /v1/completions.",
    });
  if ((fields.stream_options ?? null) !== null && !(fields.stream ?? false))
    throw new PagodaError("invalid_request", "'stream_options' needs 'stream': true", {
      param: "stream_options",
    });
  if ((fields.top_logprobs ?? 0) > 0 && !(fields.logprobs ?? false))
    throw new PagodaError("invalid_request", "'top_logprobs' needs 'logprobs': true", {
      param: "top_logprobs",
    });
}

function toGenerationRequest(fields: ChatFields, model: ServedModel, requestId: string): GenerationRequest {
  const effort = fields.reasoning_effort ?? null;
  return {
    requestId,
    prompt: toChatPrompt(fields.messages, fields, effort === null ? {} : { reasoning_effort: effort }),
    sampling: toSamplingParams(
      fields,
      {
        maxTokens: fields.max_completion_tokens ?? fields.max_tokens ?? null,
        logprobs: (fields.logprobs ?? false) ? (fields.top_logprobs ?? 0) : null,
        logprobsName: "top_logprobs",
        promptLogprobs: fields.prompt_logprobs ?? null,
      },
      model,
    ),
    ...((fields.max_completion_tokens ?? null) === null ? {} : { maxTokensName: "max_completion_tokens" }),
    priority: fields.priority ?? 0,
  };
}

function toAnswer(
  fields: ChatFields,
  request: GenerationRequest,
  model: ServedModel,
  identity: AnswerIdentity,
): ChatAnswer {
  return {
    ...identity,
    modelId: model.modelId,
    tokensAsIds: fields.return_tokens_as_token_ids ?? false,
    showsTokenIds: fields.return_token_ids ?? false,
    showsLogprobs: request.sampling.logprobs !== null,
    showsPromptLogprobs: request.sampling.promptLogprobs !== null,
    ...toUsageShown(fields.stream_options),
    numChoices: request.sampling.n,
  };
}
