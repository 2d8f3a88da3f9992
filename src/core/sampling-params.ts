/** @module How one request wants its tokens chosen. Field meanings and defaults follow vLLM's SamplingParams. */

export interface SamplingParams {
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP: number;
  /** 0: off. */
  readonly topK: number;
  readonly minP: number;
  /** 1: off; divides positive and multiplies negative logits of tokens in prompt or output. */
  readonly repetitionPenalty: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  readonly logitBias: ReadonlyMap<number, number>;
  /** null: drawn once per request. */
  readonly seed: number | null;
  /** null: as many as the context allows. */
  readonly maxTokens: number | null;
  readonly minTokens: number;
  readonly ignoreEos: boolean;
  readonly stopStrings: readonly string[];
  readonly stopTokenIds: readonly number[];
  readonly includeStopString: boolean;
  readonly skipSpecialTokens: boolean;
  /** Sequences generated from one prompt. */
  readonly n: number;
  /** Likeliest tokens reported per output token; null: no log-probabilities. 0: the chosen token only. */
  readonly logprobs: number | null;
  /** The same for prompt tokens. */
  readonly promptLogprobs: number | null;
  /** The only tokens that may be generated; absent or null: all. */
  readonly allowedTokenIds?: readonly number[] | null;
  /** Words that must not be generated, with a blank before them or without; absent: none. */
  readonly badWords?: readonly string[];
}

export const defaultSamplingParams: SamplingParams = {
  temperature: 1,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  logitBias: new Map(),
  seed: null,
  maxTokens: null,
  minTokens: 0,
  ignoreEos: false,
  stopStrings: [],
  stopTokenIds: [],
  includeStopString: false,
  skipSpecialTokens: true,
  n: 1,
  logprobs: null,
  promptLogprobs: null,
};

/** Scores stay finite numbers of 32 bits within them. vLLM has no bounds but 0, which is excluded. */
export const repetitionPenaltyBounds = { min: 0.01, max: 100 } as const;

/** vLLM raises a lower temperature that is not 0 to this one, because scores divided by it are not finite. */
export const leastTemperature = 0.01;

/** Token ids are below it, so a larger top-k means the same; the backends take 32 bits. */
export const mostTopK = 2 ** 31 - 1;

const labels = {
  topK: "top-k",
  topP: "top-p",
  minP: "min-p",
  repetitionPenalty: "repetition penalty",
} as const;

/** `temperature 0.2, top-p 0.9`: what is not neutral, and always the temperature. */
export function describeSampling(sampling: SamplingParams): string {
  if (sampling.temperature === 0) return "temperature 0 (greedy)";
  const keys = Object.keys(labels) as (keyof typeof labels)[];
  const stated = keys
    .filter((key) => sampling[key] !== defaultSamplingParams[key])
    .map((key) => `${labels[key]} ${sampling[key]}`);
  return [`temperature ${sampling.temperature}`, ...stated].join(", ");
}
