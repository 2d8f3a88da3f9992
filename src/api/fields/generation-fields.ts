/** @module The fields that chat and text completions share apart from sampling, and what they ask to see in the answer. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest } from "../../core/generation.ts";
import type { AnswerIdentity } from "../exchange.ts";
import { streamOptionsSchema, toUsageShown, type UsageShown } from "../usage.ts";
import { samplingShape } from "./sampling-fields.ts";
import { truncationShape } from "./truncation-fields.ts";

/** A salt is kept as long as a block of its texts is cached. */
const mostSaltCharacters = 256;

export const cacheSaltSchema = z.string().min(1).max(mostSaltCharacters).nullish();

export const generationShape = {
  ...samplingShape,
  ...truncationShape,
  model: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: streamOptionsSchema,
  return_tokens_as_token_ids: z.boolean().nullish(),
  return_token_ids: z.boolean().nullish(),
  priority: z.number().int().nullish(),
  cache_salt: cacheSaltSchema,
  request_id: z.string().nullish(),
} as const;

const generationSchema = z.object(generationShape);
type GenerationFields = z.infer<typeof generationSchema>;

/** What the answer of a request must show, and under which names. */
export interface ShownAnswer extends AnswerIdentity, UsageShown {
  readonly tokensAsIds: boolean;
  readonly showsTokenIds: boolean;
  readonly showsLogprobs: boolean;
  readonly showsPromptLogprobs: boolean;
}

/** Throws `invalid_request` where `stream_options` is given without `stream`. */
export function assertStreamOptionsFit(fields: GenerationFields): void {
  if ((fields.stream_options ?? null) === null || (fields.stream ?? false)) return;
  throw new PagodaError("invalid_request", "'stream_options' has a meaning only with 'stream': true.", {
    param: "stream_options",
    hint: "Set 'stream' to true, or leave 'stream_options' out.",
  });
}

export function toShownAnswer(
  fields: GenerationFields,
  sampling: Pick<GenerationRequest["sampling"], "logprobs">,
  identity: AnswerIdentity,
): ShownAnswer {
  return {
    ...identity,
    tokensAsIds: fields.return_tokens_as_token_ids ?? false,
    showsTokenIds: fields.return_token_ids ?? false,
    showsLogprobs: sampling.logprobs !== null,
    showsPromptLogprobs: (fields.prompt_logprobs ?? null) !== null,
    ...toUsageShown(fields.stream_options),
  };
}
