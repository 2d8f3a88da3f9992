/** @module Tokens that another instance has generated, taken over as if this one had. */
import { PagodaError } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import type { Sequence } from "./sequence.ts";
import { type Ending, endingByToken, textOfToken } from "./stop-conditions.ts";

export interface ReplayedOutput {
  readonly events: readonly GenerationEvent[];
  /** Where the last of the tokens ends the sequence. */
  readonly ending: Ending | null;
}

/**
 * Appends the tokens to a sequence that has none yet, and moves its text, its stop strings and its rules on. Its keys and
 * values are computed like those of a preempted one.
 * @throws PagodaError `invalid_request` where tokens follow the end.
 */
export function replayOutput(sequence: Sequence, tokenIds: readonly number[]): ReplayedOutput {
  const events: GenerationEvent[] = [];
  let ending: Ending | null = null;
  for (const tokenId of tokenIds) {
    if (ending !== null)
      throw new PagodaError(
        "invalid_request",
        `Of ${tokenIds.length} tokens to go on after, some follow the end.`,
        {
          hint: "Send the request again without pagoda_resume.",
          param: "pagoda_resume",
        },
      );
    sequence.append(tokenId);
    const ended = textOfToken(sequence, tokenId, endingByToken(sequence, tokenId));
    ending = ended.ending;
    const { index } = sequence;
    events.push({
      type: "delta",
      index,
      text: ended.text,
      tokenIds: [tokenId],
      logprobs: null,
      isReplayed: true,
    });
  }
  return { events, ending };
}
