/** @module How many log-probabilities an answer may hold at once. */
import type { GenerationExchange } from "../api/exchange.ts";
import type { GenerationRequest, GenerationService } from "../core/generation.ts";

/** Entries of all its requests: positions × (alternatives + the token itself). Streamed outputs are not held. */
export function numLogprobEntries(exchange: GenerationExchange, service: GenerationService): number {
  return exchange.requests.reduce(
    (sum, request) =>
      sum + numPromptEntries(request, service) + (exchange.streams ? 0 : numOutputEntries(request, service)),
    0,
  );
}

function numPromptEntries({ prompt, sampling }: GenerationRequest, service: GenerationService): number {
  if (sampling.promptLogprobs === null) return 0;
  const numTokens =
    prompt.kind === "tokens" ? prompt.tokenIds.length : service.tokenize(prompt).tokenIds.length;
  // A prompt that is too long is the engine's to refuse, with its own words.
  return Math.min(numTokens, service.model.maxModelLen) * (sampling.promptLogprobs + 1);
}

function numOutputEntries({ sampling }: GenerationRequest, service: GenerationService): number {
  if (sampling.logprobs === null) return 0;
  const numTokens = Math.min(sampling.maxTokens ?? service.model.maxModelLen, service.model.maxModelLen);
  return sampling.n * numTokens * (sampling.logprobs + 1);
}
