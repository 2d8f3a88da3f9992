/** @module Limits of an engine that contradict each other, or the backend. */
import type { BackendLimits } from "../../backend/backend.ts";
import { PagodaError } from "../../core/errors.ts";

export function checkLimits(limits: BackendLimits, maxSeenEntries: number, vocabularyWidth: number): void {
  if (limits.maxNumBatchedTokens < limits.maxNumSeqs) {
    throw new PagodaError(
      "invalid_option",
      `--max-num-batched-tokens ${limits.maxNumBatchedTokens} is less than --max-num-seqs ${limits.maxNumSeqs}, so not every sequence could take a step.`,
      { hint: `Use --max-num-seqs ${limits.maxNumBatchedTokens}.`, param: "max_num_batched_tokens" },
    );
  }
  const needed = Math.min(vocabularyWidth, limits.maxModelLen);
  if (maxSeenEntries < needed) {
    throw new PagodaError(
      "internal",
      `The backend keeps ${maxSeenEntries} seen tokens, but ${needed} are needed.`,
    );
  }
}
