/** @module When a sequence ends. */
import type { FinishReason } from "../../core/generation.ts";
import type { Sequence } from "./sequence.ts";

export interface Ending {
  readonly reason: FinishReason;
  /** The stop string or stop token id; null for the model's own end and for length. */
  readonly stopReason: string | number | null;
}

const atLength: Ending = { reason: "length", stopReason: null };
const atModelEnd: Ending = { reason: "stop", stopReason: null };

/** How the newest token, already appended, ends its sequence; null if it does not. Stop strings are not considered. */
export function endingByToken(sequence: Sequence, tokenId: number): Ending | null {
  const { prepared } = sequence.request;
  if (sequence.numOutputTokens > prepared.sampling.minTokens) {
    if (prepared.eosTokenIds.has(tokenId)) return atModelEnd;
    if (prepared.stopTokenIds.has(tokenId)) return { reason: "stop", stopReason: tokenId };
  }
  return sequence.numOutputTokens >= prepared.maxTokens ? atLength : null;
}

export interface EndedText {
  readonly text: string;
  readonly ending: Ending | null;
}

/**
 * The text that the newest token adds, and the ending after stop strings are considered: a stop string counts before
 * the length. A token that stops is not part of the text (unless stops are to be included); at the end everything held
 * back comes out.
 */
export function textOfToken(sequence: Sequence, tokenId: number, ending: Ending | null): EndedText {
  const { text } = sequence;
  const isStopToken = ending?.reason === "stop";
  if (isStopToken && !sequence.request.prepared.sampling.includeStopString) {
    return { text: text.finish(), ending };
  }
  const piece = text.push(tokenId);
  if (piece.matchedStop !== null) {
    return { text: piece.text, ending: { reason: "stop", stopReason: piece.matchedStop } };
  }
  return { text: ending === null ? piece.text : piece.text + text.finish(), ending };
}
