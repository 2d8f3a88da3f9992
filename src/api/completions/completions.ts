/** @module POST /v1/completions: wire types, parser, and the builders of both kinds of answer. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest, Prompt, ServedModel } from "../../core/generation.ts";
import type { AnswerIdentity, GenerationExchange } from "../exchange.ts";
import { assertModelIsServed, type BodyRules, parseBody } from "../parse-body.ts";
import { samplingShape, toSamplingParams } from "../sampling-fields.ts";
import { fieldsWithoutEffect, unsupportedInCompletions } from "../unsupported-fields.ts";
import { streamOptionsSchema, toUsageShown } from "../usage.ts";
import type { CompletionAnswer } from "./completion-answer.ts";
import { CompletionBodyBuilder } from "./completion-body.ts";
import { CompletionChunkBuilder } from "./completion-chunks.ts";
import { promptSchema, toPrompts } from "./prompt-field.ts";

/** OpenAI's and vLLM's default for this endpoint. */
const defaultMaxTokens = 16;
/** Prompts × n: each is a sequence of its own. */
const mostSequences = 1024;

const completionSchema = z.object({
  ...samplingShape,
  model: z.string().nullish(),
  prompt: promptSchema,
  max_tokens: z.number().int().nonnegative().nullish(),
  logprobs: z.number().int().nonnegative().nullish(),
  echo: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: streamOptionsSchema,
  add_special_tokens: z.boolean().nullish(),
  return_tokens_as_token_ids: z.boolean().nullish(),
  return_token_ids: z.boolean().nullish(),
  priority: z.number().int().nullish(),
  request_id: z.string().nullish(),
});
type CompletionFields = z.infer<typeof completionSchema>;

const rules: BodyRules<typeof completionSchema> = {
  schema: completionSchema,
  unsupported: unsupportedInCompletions,
  withoutEffect: fieldsWithoutEffect,
};

/**
 * The numbered checks of a completion request: known fields, model, prompts, sampling.
 * Throws `invalid_request` or `model_not_found`, naming the field.
 */
export function parseCompletionRequest(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(body, rules);
  assertModelIsServed(fields.model, model);
  if ((fields.stream_options ?? null) !== null && !(fields.stream ?? false))
    throw new PagodaError("invalid_request", "'stream_options' needs 'stream': true", {
      param: "stream_options",
    });
  const prompts = toPrompts(fields.prompt, fields.add_special_tokens ?? true);
  const requests = toGenerationRequests(fields, prompts, model, identity.answerId);
  const answer = toAnswer(fields, prompts, model, identity);
  return {
    requests,
    streams: fields.stream ?? false,
    unknownFields,
    newBody: (tokens) => new CompletionBodyBuilder(answer, tokens),
    newChunks: (tokens) => new CompletionChunkBuilder(answer, tokens),
  };
}

function toGenerationRequests(
  fields: CompletionFields,
  prompts: readonly Prompt[],
  model: ServedModel,
  answerId: string,
): readonly GenerationRequest[] {
  const logprobs = fields.logprobs ?? null;
  const echoed = (fields.echo ?? false) ? logprobs : null;
  const sampling = toSamplingParams(
    fields,
    {
      maxTokens: fields.max_tokens ?? defaultMaxTokens,
      logprobs,
      logprobsName: "logprobs",
      promptLogprobs:
        echoed === null ? (fields.prompt_logprobs ?? null) : Math.max(echoed, fields.prompt_logprobs ?? 0),
    },
    model,
  );
  if (prompts.length * sampling.n > mostSequences)
    throw new PagodaError(
      "invalid_request",
      `${prompts.length} prompts with n = ${sampling.n} are ${prompts.length * sampling.n} sequences; at most ${mostSequences} are allowed in one request`,
      { param: "prompt", hint: "Send several requests." },
    );
  return prompts.map((prompt, i) => ({
    requestId: prompts.length === 1 ? answerId : `${answerId}-${i}`,
    prompt,
    sampling,
    priority: fields.priority ?? 0,
  }));
}

function toAnswer(
  fields: CompletionFields,
  prompts: readonly Prompt[],
  model: ServedModel,
  identity: AnswerIdentity,
): CompletionAnswer {
  return {
    ...identity,
    modelId: model.modelId,
    prompts,
    echoes: fields.echo ?? false,
    tokensAsIds: fields.return_tokens_as_token_ids ?? false,
    showsTokenIds: fields.return_token_ids ?? false,
    showsLogprobs: (fields.logprobs ?? null) !== null,
    showsPromptLogprobs: (fields.prompt_logprobs ?? null) !== null,
    ...toUsageShown(fields.stream_options),
    numChoicesPerPrompt: fields.n ?? model.defaultSampling.n,
  };
}
