/** @module Token ids for prompts of which only the lengths are known. */
import { seededUniform } from "../../core/seeded-uniform.ts";

/** Ordinary tokens of a vocabulary: [first, end), clear of special tokens at its beginning. */
export interface TokenRange {
  readonly firstTokenId: number;
  readonly endTokenId: number;
}

/** Most vocabularies have their special tokens among the first few hundred entries or at the end. */
export function ordinaryTokens(vocabularySize: number): TokenRange {
  return {
    firstTokenId: Math.floor(vocabularySize / 100),
    endTokenId: Math.max(2, Math.floor(0.95 * vocabularySize)),
  };
}

/** Writes `numTokens` tokens from position `from` on; equal seeds write equal tokens. */
export function fillTokens(
  target: Int32Array,
  from: number,
  numTokens: number,
  seed: number,
  range: TokenRange,
): void {
  const uniform = seededUniform(seed);
  const width = range.endTokenId - range.firstTokenId;
  for (let i = from; i < from + numTokens; i++)
    target[i] = range.firstTokenId + Math.floor(uniform() * width);
}
