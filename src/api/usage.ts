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
  .object({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() })
  .nullish();

/** Where a stream shows its usage. */
export interface UsageShown {
  /** In a last chunk of its own. */
  readonly includesUsage: boolean;
  /** In every other chunk too: the whole answer's up to there. */
  readonly continuousUsage: boolean;
}

/** As in vLLM, `continuous_usage_stats` has no effect without `include_usage`. */
export function toUsageShown(options: z.infer<typeof streamOptionsSchema>): UsageShown {
  const includesUsage = options?.include_usage ?? false;
  return { includesUsage, continuousUsage: includesUsage && (options?.continuous_usage_stats ?? false) };
}

/** What follows the choices of every chunk but the last. */
export function chunkClosing(shown: UsageShown, counter: UsageCounter): string {
  if (!shown.includesUsage) return "]}\n\n";
  const usage = shown.continuousUsage ? JSON.stringify(counter.usage()) : "null";
  return `],"usage":${usage}}\n\n`;
}

/** Adds up the tokens of an answer as its events pass. */
export class UsageCounter {
  #numPromptTokens = 0;
  #numCompletionTokens = 0;
  #numCachedTokens = 0;

  push(event: GenerationEvent): void {
    if (event.type === "prompt") {
      this.#numPromptTokens += event.promptTokenIds.length;
      this.#numCachedTokens += event.numCachedTokens;
    } else if (event.type === "delta") {
      this.#numCompletionTokens += event.tokenIds.length;
    }
  }

  usage(): Usage {
    return {
      prompt_tokens: this.#numPromptTokens,
      total_tokens: this.#numPromptTokens + this.#numCompletionTokens,
      completion_tokens: this.#numCompletionTokens,
      prompt_tokens_details: { cached_tokens: this.#numCachedTokens },
    };
  }
}
