/** @module Reads log-probabilities out of the backend's result arrays. */
import type { StepResults } from "../../backend/backend.ts";
import type { PositionLogprobs, TokenLogprob } from "../../core/generation.ts";

/** Output row `row` with its `numTop` likeliest tokens; a copy, since the next step overwrites the arrays. */
export function readLogprobs(results: StepResults, row: number, numTop: number): PositionLogprobs {
  const maxLogprobs = results.topTokenIds.length / results.tokenIds.length;
  const top: TokenLogprob[] = [];
  for (let i = 0; i < numTop; i++) {
    top.push({
      tokenId: results.topTokenIds[row * maxLogprobs + i] as number,
      logprob: results.topLogprobs[row * maxLogprobs + i] as number,
      rank: i + 1,
    });
  }
  return {
    tokenId: results.tokenIds[row] as number,
    logprob: results.logprobs[row] as number,
    rank: results.ranks[row] as number,
    top,
  };
}
