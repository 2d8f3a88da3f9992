/** @module Log-probabilities of a prompt's tokens, kept small until they are sent. */
import type { StepResults } from "../../backend/backend.ts";
import type { PositionLogprobs } from "../../core/generation.ts";

/**
 * A long prompt with many alternatives has half a million entries: 40 MB as objects, 4 MB in arrays. Many such prompts
 * may be computed at once, but they are sent one after another, so they become objects only when sent.
 *
 *   row p − 1 belongs to prompt token p; the first token has none
 *   tokenIds, logprobs  [numPromptTokens − 1, 1 + numTop]   the token itself, then the likeliest
 *   ranks               [numPromptTokens − 1]
 */
export class PromptLogprobs {
  readonly #numPromptTokens: number;
  readonly #numTop: number;
  /** Allocated with the first row, so a waiting request holds nothing. */
  #rows: { tokenIds: Int32Array; logprobs: Float32Array; ranks: Int32Array } | null = null;
  #numRows = 0;

  constructor(numPromptTokens: number, numTop: number) {
    this.#numPromptTokens = numPromptTokens;
    this.#numTop = numTop;
  }

  /** Copies output row `row`, which scored the next prompt token. */
  append(results: StepResults, row: number): void {
    const rows = this.#ensureRows();
    const maxLogprobs = results.topTokenIds.length / results.tokenIds.length;
    const at = this.#numRows * (1 + this.#numTop);
    rows.tokenIds[at] = results.tokenIds[row] as number;
    rows.logprobs[at] = results.logprobs[row] as number;
    for (let i = 0; i < this.#numTop; i++) {
      rows.tokenIds[at + 1 + i] = results.topTokenIds[row * maxLogprobs + i] as number;
      rows.logprobs[at + 1 + i] = results.topLogprobs[row * maxLogprobs + i] as number;
    }
    rows.ranks[this.#numRows++] = results.ranks[row] as number;
  }

  /** One entry per prompt token, null for the first. */
  toEntries(): (PositionLogprobs | null)[] {
    const entries: (PositionLogprobs | null)[] = [null];
    for (let row = 0; row < this.#numRows; row++) entries.push(this.#entry(row));
    return entries;
  }

  #entry(row: number): PositionLogprobs {
    const { tokenIds, logprobs, ranks } = this.#ensureRows();
    const at = row * (1 + this.#numTop);
    const top = Array.from({ length: this.#numTop }, (_, i) => ({
      tokenId: tokenIds[at + 1 + i] as number,
      logprob: logprobs[at + 1 + i] as number,
      rank: i + 1,
    }));
    return {
      tokenId: tokenIds[at] as number,
      logprob: logprobs[at] as number,
      rank: ranks[row] as number,
      top,
    };
  }

  #ensureRows(): { tokenIds: Int32Array; logprobs: Float32Array; ranks: Int32Array } {
    const numRows = this.#numPromptTokens - 1;
    const numEntries = numRows * (1 + this.#numTop);
    this.#rows ??= {
      tokenIds: new Int32Array(numEntries),
      logprobs: new Float32Array(numEntries),
      ranks: new Int32Array(numRows),
    };
    return this.#rows;
  }
}
