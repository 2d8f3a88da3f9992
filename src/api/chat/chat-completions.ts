/** @module POST /v1/chat/completions: wire types, parser, and the builders of both kinds of answer. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest, ServedModel } from "../../core/generation.ts";
import {
  keepsSpecialTokens,
  type ToolUse,
  toAnswerSyntax,
  toolChoiceSchema,
  toolDefinitions,
  toToolChoice,
  toToolUse,
} from "../answer/tool-use.ts";
import type { AnswerIdentity, GenerationExchange } from "../exchange.ts";
import { constraintShape, toConstraint } from "../fields/constraint-fields.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { assertStreamOptionsFit, generationShape, toShownAnswer } from "../fields/generation-fields.ts";
import { parseBody } from "../fields/parse-body.ts";
import { toSamplingParams } from "../fields/sampling-fields.ts";
import { toTruncation } from "../fields/truncation-fields.ts";
import type { ChatAnswer } from "./chat-answer.ts";
import { ChatBodyBuilder } from "./chat-body.ts";
import { ChatChunkBuilder } from "./chat-chunks.ts";
import { messagesSchema } from "./chat-messages.ts";
import { chatPromptShape, toChatPrompt } from "./chat-prompt.ts";

export const chatSchema = z.object({
  ...generationShape,
  ...chatPromptShape,
  ...constraintShape,
  messages: messagesSchema,
  tool_choice: toolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  include_reasoning: z.boolean().nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().nonnegative().nullish(),
  add_special_tokens: z.literal(false).nullish(),
  reasoning_effort: z.string().nullish(),
});
export const chatFields: EndpointFields<typeof chatSchema> = { schema: chatSchema };
type ChatFields = z.infer<typeof chatSchema>;

/**
 * Throws `invalid_request` that names the field that is wrong or that the model's engine cannot honour. Whether the model
 * has a chat template is the engine's to say, which renders it.
 */
export function parseChatRequest(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(body, chatFields, model.features);
  assertStreamOptionsFit(fields);
  assertLogprobsAreOn(fields);
  const tools = toolDefinitions(fields.tools);
  const parallelCalls = fields.parallel_tool_calls ?? true;
  const use = toToolUse({ tools, choice: toToolChoice(fields.tool_choice), parallelCalls }, model);
  const syntax = toAnswerSyntax(model.answerFormat, use, tools, parallelCalls);
  const request = toGenerationRequest(fields, model, identity.answerId, use);
  const answer: ChatAnswer = {
    ...toShownAnswer(fields, request.sampling, identity),
    numChoices: request.sampling.n,
    syntax,
    showsReasoning: fields.include_reasoning ?? true,
  };
  return {
    requests: [request],
    streams: fields.stream ?? false,
    streamFormat: "events",
    unknownFields,
    newBody: (tokens) => new ChatBodyBuilder(answer, tokens),
    newChunks: (tokens) => new ChatChunkBuilder(answer, tokens),
  };
}

function assertLogprobsAreOn(fields: ChatFields): void {
  if ((fields.top_logprobs ?? 0) === 0 || (fields.logprobs ?? false)) return;
  throw new PagodaError("invalid_request", "'top_logprobs' has a meaning only with 'logprobs': true.", {
    param: "top_logprobs",
    hint: "Set 'logprobs' to true, or leave 'top_logprobs' out.",
  });
}

function toGenerationRequest(
  fields: ChatFields,
  model: ServedModel,
  requestId: string,
  use: ToolUse,
): GenerationRequest {
  const effort = fields.reasoning_effort ?? null;
  return {
    requestId,
    constraint: use.constraint ?? toConstraint(fields, model.answerFormat.reasoning),
    prompt: toChatPrompt(fields.messages, fields, effort === null ? {} : { reasoning_effort: effort }),
    sampling: toSamplingParams(
      keepsSpecialTokens(model.answerFormat, use) ? { ...fields, skip_special_tokens: false } : fields,
      {
        maxTokens: fields.max_completion_tokens ?? fields.max_tokens ?? null,
        logprobs: (fields.logprobs ?? false) ? (fields.top_logprobs ?? 0) : null,
        logprobsName: "top_logprobs",
        promptLogprobs: fields.prompt_logprobs ?? null,
      },
      model,
    ),
    truncation: toTruncation(fields, "left"),
    ...((fields.max_completion_tokens ?? null) === null ? {} : { maxTokensName: "max_completion_tokens" }),
    priority: fields.priority ?? 0,
    cacheSalt: fields.cache_salt ?? null,
  };
}
