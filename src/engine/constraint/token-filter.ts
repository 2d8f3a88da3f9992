/** @module Tokens that a request forbids: all but its allowed ones, and those that would end one of its bad words. */

export interface TokenFilterRules {
  /** Bit t & 31 of word t >> 5: token t is allowed; null: all are. */
  readonly allowed: Int32Array | null;
  /** Token sequences whose last token is forbidden after the others. */
  readonly badSequences: readonly (readonly number[])[];
  /** The request's field, for errors. */
  readonly param: string;
}

/** Where one sequence stands. */
export class TokenFilter {
  readonly #rules: TokenFilterRules;
  /** Whether the rules left no token at some position. */
  isStuck = false;

  constructor(rules: TokenFilterRules) {
    this.#rules = rules;
  }

  get param(): string {
    return this.#rules.param;
  }

  /**
   * Takes the forbidden tokens out of the `numWords` words of `masks` from `start`. `outputTokenIds`: what the sequence has
   * generated.
   */
  apply(
    masks: Int32Array,
    { start, numWords }: { readonly start: number; readonly numWords: number },
    outputTokenIds: Int32Array,
  ): void {
    const { allowed, badSequences } = this.#rules;
    if (allowed !== null)
      for (let word = 0; word < numWords; word++)
        masks[start + word] = (masks[start + word] as number) & (allowed[word] as number);
    for (const sequence of badSequences) {
      const last = sequence.at(-1);
      if (last === undefined || !endsWith(outputTokenIds, sequence)) continue;
      masks[start + (last >> 5)] = (masks[start + (last >> 5)] as number) & ~(1 << (last & 31));
    }
    for (let word = start; word < start + numWords; word++) if (masks[word] !== 0) return;
    this.isStuck = true;
    // The sequence ends; its row must have a token all the same.
    masks.fill(-1, start, start + numWords);
  }
}

/** Whether the text ends with all of `sequence` but its last token. */
function endsWith(tokenIds: Int32Array, sequence: readonly number[]): boolean {
  const numBefore = sequence.length - 1;
  if (numBefore > tokenIds.length) return false;
  for (let i = 0; i < numBefore; i++)
    if (tokenIds[tokenIds.length - numBefore + i] !== sequence[i]) return false;
  return true;
}

/** A mask over the vocabulary with the bits of these tokens. */
export function maskOf(tokenIds: Iterable<number>, vocabularyWidth: number): Int32Array {
  const mask = new Int32Array(Math.ceil(vocabularyWidth / 32));
  for (const tokenId of tokenIds) mask[tokenId >> 5] = (mask[tokenId >> 5] as number) | (1 << (tokenId & 31));
  return mask;
}
