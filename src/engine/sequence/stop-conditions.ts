/** @module When a sequence ends. */
import type { FinishReason } from "../../core/generation.ts";
import type { Sequence } from "./sequence.ts";

export interface Ending {
  readonly reason: FinishReason;
  /** The stop string or stop token id; null for the model's own end and for length. */
  readonly stopReason: string | number | null;
  /** Whether the newest token says so, and is no text itself. */
  readonly isByToken: boolean;
}

const atLength: Ending = { reason: "length", stopReason: null, isByToken: false };
const atModelEnd: Ending = { reason: "stop", stopReason: null, isByToken: true };
const atRuleEnd: Ending = { reason: "stop", stopReason: null, isByToken: false };

/**
 * How the newest token, already appended, ends its sequence; null if it does not. Moves the rule for the text on. Stop
 * strings are not considered.
 */
export function endingByToken(sequence: Sequence, tokenId: number): Ending | null {
  const { prepared } = sequence.request;
  if (sequence.numOutputTokens > prepared.sampling.minTokens) {
    if (prepared.eosTokenIds.has(tokenId)) return atModelEnd;
    if (prepared.stopTokenIds.has(tokenId)) return { reason: "stop", stopReason: tokenId, isByToken: true };
  }
  sequence.constraint?.advance(tokenId);
  if (sequence.constraint?.isComplete === true) return atRuleEnd;
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
  if (ending?.isByToken === true && !sequence.request.prepared.sampling.includeStopString) {
    return { text: text.finish(), ending };
  }
  const piece = text.push(tokenId);
  if (piece.matchedStop !== null) {
    return { text: piece.text, ending: { reason: "stop", stopReason: piece.matchedStop, isByToken: false } };
  }
  return { text: ending === null ? piece.text : piece.text + text.finish(), ending };
}
