/** @module How many log-probabilities an answer may hold at once. */
import type { GenerationExchange } from "../../api/exchange.ts";
import type { GenerationRequest, GenerationService } from "../../core/generation.ts";

/** Entries of all its requests: positions × (alternatives + the token itself). Streamed outputs are not held. */
export async function numLogprobEntries(
  exchange: GenerationExchange,
  service: GenerationService,
  signal: AbortSignal,
): Promise<number> {
  let numEntries = 0;
  for (const request of exchange.requests) {
    numEntries += await numPromptEntries(request, service, signal);
    if (!exchange.streams) numEntries += numOutputEntries(request, service);
  }
  return numEntries;
}

async function numPromptEntries(
  { prompt, sampling }: GenerationRequest,
  service: GenerationService,
  signal: AbortSignal,
): Promise<number> {
  if (sampling.promptLogprobs === null) return 0;
  const tokenIds = prompt.kind === "tokens" ? prompt.tokenIds : await service.tokenize(prompt, signal);
  const numTokens = tokenIds?.length ?? 0;
  // A prompt that is too long is the engine's to refuse, with its own words.
  return Math.min(numTokens, service.model.maxModelLen) * (sampling.promptLogprobs + 1);
}

function numOutputEntries({ sampling }: GenerationRequest, service: GenerationService): number {
  if (sampling.logprobs === null) return 0;
  const numTokens = Math.min(sampling.maxTokens ?? service.model.maxModelLen, service.model.maxModelLen);
  return sampling.n * numTokens * (sampling.logprobs + 1);
}
