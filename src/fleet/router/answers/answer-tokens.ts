/** @module What an answer has cost, in tokens, by what stands at its end. */

const tailBytes = 2048;
const prompt = /"(?:prompt_tokens|input_tokens|prompt_eval_count)"\s*:\s*(\d+)/g;
const cached = /"(?:cached_tokens|cache_read_input_tokens)"\s*:\s*(\d+)/g;
const output = /"(?:completion_tokens|output_tokens|eval_count)"\s*:\s*(\d+)/g;

/** An output token costs as much as two of the prompt (virtual token counter, OSDI 2024). */
const outputWeight = 2;

/**
 * Prompt tokens that were computed plus twice the output's. What the answer does not state is taken from what the router knows:
 * `promptTokens` and `matchedTokens` by the prompt's text, and one token a piece.
 */
export function answerTokens(
  tail: readonly Uint8Array[],
  known: { readonly promptTokens: number; readonly matchedTokens: number; readonly numPieces: number },
): number {
  const text = Buffer.concat(tail).subarray(-tailBytes).toString("latin1");
  const numPrompt = last(text, prompt) ?? known.promptTokens;
  const numCached = Math.min(numPrompt, last(text, cached) ?? known.matchedTokens);
  return numPrompt - numCached + outputWeight * (last(text, output) ?? known.numPieces);
}

function last(text: string, pattern: RegExp): number | null {
  const found = [...text.matchAll(pattern)].at(-1)?.[1];
  return found === undefined ? null : Number(found);
}
