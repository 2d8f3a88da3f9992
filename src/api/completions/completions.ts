/** @module POST /v1/completions: wire types, parser, and the builders of both kinds of answer. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest, Prompt, ServedModel } from "../../core/generation.ts";
import type { AnswerIdentity, GenerationExchange } from "../exchange.ts";
import { constraintShape, toConstraint } from "../fields/constraint-fields.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { assertStreamOptionsFit, generationShape, toShownAnswer } from "../fields/generation-fields.ts";
import { parseBody } from "../fields/parse-body.ts";
import { toSamplingParams } from "../fields/sampling-fields.ts";
import { toTruncation } from "../fields/truncation-fields.ts";
import type { CompletionAnswer } from "./completion-answer.ts";
import { CompletionBodyBuilder } from "./completion-body.ts";
import { CompletionChunkBuilder } from "./completion-chunks.ts";
import { promptSchema, toPrompts } from "./prompt-field.ts";

/** OpenAI's and vLLM's default for this endpoint. */
const defaultMaxTokens = 16;
/** Prompts × n: each is a sequence of its own. */
const mostSequences = 1024;

export const completionSchema = z.object({
  ...generationShape,
  ...constraintShape,
  prompt: promptSchema,
  max_tokens: z.number().int().nonnegative().nullish(),
  logprobs: z.number().int().nonnegative().nullish(),
  echo: z.boolean().nullish(),
  add_special_tokens: z.boolean().nullish(),
});
export const completionFields: EndpointFields<typeof completionSchema> = { schema: completionSchema };
type CompletionFields = z.infer<typeof completionSchema>;

/** Throws `invalid_request` that names the field that is wrong or that the model's engine cannot honour. */
export function parseCompletionRequest(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields, isUnlimited } = parseBody(body, completionFields, model.features);
  assertStreamOptionsFit(fields);
  const prompts = toPrompts(fields.prompt, fields.add_special_tokens ?? true);
  const maxTokens = fields.max_tokens ?? (isUnlimited ? null : defaultMaxTokens);
  const requests = toGenerationRequests(
    { ...fields, max_tokens: maxTokens },
    prompts,
    model,
    identity.answerId,
  );
  const answer: CompletionAnswer = {
    ...toShownAnswer(fields, { logprobs: fields.logprobs ?? null }, identity),
    prompts,
    echoes: fields.echo ?? false,
    numChoicesPerPrompt: fields.n ?? model.defaultSampling.n,
  };
  return {
    requests,
    streams: fields.stream ?? false,
    streamFormat: "events",
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
      maxTokens: fields.max_tokens ?? null,
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
      `${prompts.length} prompts with n = ${sampling.n} are ${prompts.length * sampling.n} sequences; one request may have at most ${mostSequences}.`,
      { param: "prompt", hint: "Send several requests." },
    );
  const constraint = toConstraint(fields, null);
  const truncation = toTruncation(fields, "left");
  return prompts.map((prompt, i) => ({
    requestId: prompts.length === 1 ? answerId : `${answerId}-${i}`,
    prompt,
    sampling,
    constraint,
    truncation,
    priority: fields.priority ?? 0,
    cacheSalt: fields.cache_salt ?? null,
  }));
}
