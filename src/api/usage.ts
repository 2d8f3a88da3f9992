/** @module Token accounting of an answer, in OpenAI's shape. */
import { z } from "zod";
import type { GenerationEvent } from "../core/generation.ts";

export interface Usage {
  readonly prompt_tokens: number;
  readonly total_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

export const streamOptionsSchema = z
  .object({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.literal(false).nullish() })
  .nullish();

/** Adds up the tokens of an answer as its events pass. */
export class UsageCounter {
  private numPromptTokens = 0;
  private numCompletionTokens = 0;
  private numCachedTokens = 0;

  push(event: GenerationEvent): void {
    if (event.type === "prompt") {
      this.numPromptTokens += event.promptTokenIds.length;
      this.numCachedTokens += event.numCachedTokens;
    } else if (event.type === "finished") {
      this.numCompletionTokens += event.numCompletionTokens;
    }
  }

  usage(): Usage {
    return {
      prompt_tokens: this.numPromptTokens,
      total_tokens: this.numPromptTokens + this.numCompletionTokens,
      completion_tokens: this.numCompletionTokens,
      prompt_tokens_details: { cached_tokens: this.numCachedTokens },
    };
  }
}
