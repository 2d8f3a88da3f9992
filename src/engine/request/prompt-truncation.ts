/** @module Cuts a prompt that is too long, where its request wants that. */
import type { PromptTruncation } from "../../core/generation.ts";

/** Characters beyond the tokens that are kept, so that the first of these is read as in the whole text. */
const slackCharacters = 256;

export interface PromptCut {
  readonly mostTokens: number;
  readonly side: PromptTruncation["side"];
}

/**
 * The part of `text` that all kept tokens are in: tokenizing the rest would only cost memory. `mostTokens` of at most
 * `longestToken` characters are kept.
 */
export function truncatedText(text: string, { mostTokens, side }: PromptCut, longestToken: number): string {
  const numCharacters = mostTokens * longestToken + slackCharacters;
  if (text.length <= numCharacters) return text;
  return side === "left" ? text.slice(text.length - numCharacters) : text.slice(0, numCharacters);
}

export function truncatedTokens(
  tokenIds: readonly number[],
  { mostTokens, side }: PromptCut,
): readonly number[] {
  if (tokenIds.length <= mostTokens) return tokenIds;
  return side === "left" ? tokenIds.slice(tokenIds.length - mostTokens) : tokenIds.slice(0, mostTokens);
}
