/** @module The sampling fields that chat and text completions share, and their way into SamplingParams. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { ServedModel } from "../../core/generation.ts";
import {
  leastTemperature,
  mostTopK,
  repetitionPenaltyBounds,
  type SamplingParams,
} from "../../core/sampling-params.ts";
import { shownText } from "../shown-text.ts";

/** Sequences of one prompt: each one occupies KV blocks, so the field must not be a lever on memory. */
const mostSequencesPerPrompt = 128;
/** Every held-back character is compared with each of them. */
const mostStopStrings = 64;
const mostBiasedTokens = 1024;
/** Each one is compared with the end of the text at every token. */
const mostBadWords = 1024;
const mostWordCharacters = 256;

const integer = z.number().int();
const tokenIds = z.array(integer.nonnegative());

/** Names, ranges and meanings follow vLLM's protocol; null is the same as absent. */
export const samplingShape = {
  temperature: z.number().min(0).max(100).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: integer.min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().min(repetitionPenaltyBounds.min).max(repetitionPenaltyBounds.max).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
  // vLLM takes 64 bits; of a number above 2^53 JSON has lost the last ones before it is read here.
  seed: z
    .number()
    .refine(
      (seed) => Number.isInteger(seed) && Math.abs(seed) <= 2 ** 63,
      "must be a whole number of 64 bits",
    )
    .nullish(),
  min_tokens: integer.nonnegative().nullish(),
  ignore_eos: z.boolean().nullish(),
  stop: z
    .union([z.string(), z.array(z.string()).max(mostStopStrings)], {
      error: `must be a text or an array of at most ${mostStopStrings} texts`,
    })
    .nullish(),
  stop_token_ids: tokenIds.nullish(),
  include_stop_str_in_output: z.boolean().nullish(),
  skip_special_tokens: z.boolean().nullish(),
  n: integer.min(1).max(mostSequencesPerPrompt).nullish(),
  prompt_logprobs: integer.nonnegative().nullish(),
  allowed_token_ids: tokenIds.min(1).nullish(),
  bad_words: z.array(z.string().min(1).max(mostWordCharacters)).max(mostBadWords).nullish(),
} as const;

const samplingSchema = z.object(samplingShape);
type SamplingFields = z.infer<typeof samplingSchema>;

export interface RequestedLengths {
  readonly maxTokens: number | null;
  /** Likeliest tokens per output token; null for none. */
  readonly logprobs: number | null;
  /** The field that states them. */
  readonly logprobsName: "logprobs" | "top_logprobs";
  readonly promptLogprobs: number | null;
}

/** The request's fields over the model's defaults. Throws `invalid_request` naming the field. */
export function toSamplingParams(
  fields: SamplingFields,
  lengths: RequestedLengths,
  model: ServedModel,
): SamplingParams {
  const base = statesSampling(fields) ? model.statedSampling : model.defaultSampling;
  const minTokens = fields.min_tokens ?? base.minTokens;
  if (lengths.maxTokens !== null && minTokens > lengths.maxTokens)
    throw invalid(
      "min_tokens",
      `'min_tokens' is ${minTokens}, above the ${lengths.maxTokens} of 'max_tokens'.`,
      "Lower 'min_tokens', or raise 'max_tokens'.",
    );
  assertLogprobsAllowed(lengths.logprobsName, lengths.logprobs, model);
  assertLogprobsAllowed("prompt_logprobs", lengths.promptLogprobs, model);
  return {
    temperature: usableTemperature(fields.temperature ?? base.temperature),
    topP: fields.top_p ?? base.topP,
    topK: Math.min(mostTopK, Math.max(0, fields.top_k ?? base.topK)),
    minP: fields.min_p ?? base.minP,
    repetitionPenalty: fields.repetition_penalty ?? base.repetitionPenalty,
    frequencyPenalty: fields.frequency_penalty ?? base.frequencyPenalty,
    presencePenalty: fields.presence_penalty ?? base.presencePenalty,
    logitBias: toLogitBias(fields.logit_bias),
    seed: fields.seed ?? base.seed,
    maxTokens: lengths.maxTokens,
    minTokens,
    ignoreEos: fields.ignore_eos ?? base.ignoreEos,
    stopStrings: toStopStrings(fields.stop, base.stopStrings),
    stopTokenIds: fields.stop_token_ids ?? base.stopTokenIds,
    includeStopString: fields.include_stop_str_in_output ?? base.includeStopString,
    skipSpecialTokens: fields.skip_special_tokens ?? base.skipSpecialTokens,
    n: fields.n ?? base.n,
    logprobs: lengths.logprobs,
    promptLogprobs: lengths.promptLogprobs,
    ...((fields.allowed_token_ids ?? null) === null
      ? {}
      : { allowedTokenIds: fields.allowed_token_ids ?? null }),
    ...((fields.bad_words ?? []).length === 0 ? {} : { badWords: fields.bad_words ?? [] }),
  };
}

function usableTemperature(temperature: number): number {
  return temperature === 0 ? 0 : Math.max(leastTemperature, temperature);
}

/** Whether the request chooses how to sample: recommendations for the model's family are then left out, as on vLLM. */
function statesSampling(fields: SamplingFields): boolean {
  return [fields.temperature, fields.top_p, fields.top_k, fields.min_p].some(
    (value) => value !== undefined && value !== null,
  );
}

function invalid(param: string, message: string, hint: string): PagodaError {
  return new PagodaError("invalid_request", message, { param, hint });
}

function assertLogprobsAllowed(param: string, asked: number | null, model: ServedModel): void {
  if (asked === null || asked <= model.maxLogprobs) return;
  throw invalid(
    param,
    `'${param}' is ${asked}; the most this server allows is ${model.maxLogprobs}.`,
    `Ask for at most ${model.maxLogprobs}, or start the server with --max-logprobs ${asked}.`,
  );
}

function toStopStrings(stop: SamplingFields["stop"], base: readonly string[]): readonly string[] {
  const strings = stop === null || stop === undefined ? base : typeof stop === "string" ? [stop] : stop;
  if (strings.includes("")) throw invalid("stop", "A text of 'stop' is empty.", "Leave the empty text out.");
  return strings;
}

function toLogitBias(bias: SamplingFields["logit_bias"]): ReadonlyMap<number, number> {
  const entries = Object.entries(bias ?? {});
  if (entries.length > mostBiasedTokens)
    throw invalid(
      "logit_bias",
      `'logit_bias' has ${entries.length} entries; the most this server allows is ${mostBiasedTokens}.`,
      `Send at most ${mostBiasedTokens}.`,
    );
  return new Map(
    entries.map(([key, value]) => {
      if (!/^\d+$/.test(key))
        throw invalid(
          "logit_bias",
          `The key '${shownText(key)}' of 'logit_bias' is not a token id.`,
          "Use whole numbers as keys.",
        );
      return [Number(key), value];
    }),
  );
}
