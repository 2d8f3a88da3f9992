/** @module The tokens that a request's fields `allowed_token_ids` and `bad_words` forbid. */
import { PagodaError } from "../../core/errors.ts";
import type { SamplingParams } from "../../core/sampling-params.ts";
import { maskOf, type TokenFilterRules } from "../constraint/token-filter.ts";
import type { TextTokenizer } from "./text-tokenizer.ts";

/**
 * null: the request forbids none. Throws `invalid_request` where a word has no tokens, or where all allowed tokens are
 * `banned` before the least number of tokens.
 */
export function tokenFilterRules(
  { allowedTokenIds = null, badWords = [] }: SamplingParams,
  {
    tokenizer,
    vocabularyWidth,
    banned,
  }: {
    readonly tokenizer: TextTokenizer;
    readonly vocabularyWidth: number;
    readonly banned: readonly number[];
  },
): TokenFilterRules | null {
  if (allowedTokenIds === null && badWords.length === 0) return null;
  if (allowedTokenIds?.every((tokenId) => banned.includes(tokenId)) === true)
    throw new PagodaError(
      "invalid_request",
      "'allowed_token_ids' has only tokens that end the text, and 'min_tokens' forbids them.",
      { param: "allowed_token_ids", hint: "Allow other tokens too, or leave 'min_tokens' out." },
    );
  return {
    allowed: allowedTokenIds === null ? null : maskOf(allowedTokenIds, vocabularyWidth),
    badSequences: badWords.flatMap((word) => sequencesOf(word, tokenizer)),
    param: allowedTokenIds === null ? "bad_words" : "allowed_token_ids",
  };
}

/** A word may begin a text or follow a blank, and has other tokens there. */
function sequencesOf(word: string, tokenizer: TextTokenizer): (readonly number[])[] {
  const bare = word.trimStart();
  const sequences = [bare, ` ${bare}`]
    .map((text) => tokenizer.encode(text, { addSpecialTokens: false }))
    .filter((tokenIds) => tokenIds.length > 0);
  if (bare === "" || sequences.length === 0)
    throw new PagodaError(
      "invalid_request",
      `'bad_words' holds ${JSON.stringify(word)}, which has no tokens.`,
      {
        param: "bad_words",
        hint: "Leave it out.",
      },
    );
  return sequences;
}
