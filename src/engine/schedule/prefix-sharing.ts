/** @module How sequences profit from each other's prefixes: those in the cache, and those being computed. */

import type { BlockManager } from "../kv/block-manager.ts";
import type { Sequence } from "../sequence/sequence.ts";

/** Of the prompt tokens that were looked up, how many were there. A request counts once, however often it resumes. */
export interface PrefixCounts {
  numQueryTokens: number;
  numHitTokens: number;
}

export class PrefixSharing {
  readonly counts: PrefixCounts = { numQueryTokens: 0, numHitTokens: 0 };
  readonly #blocks: BlockManager;

  constructor(blocks: BlockManager) {
    this.#blocks = blocks;
  }

  /** First look-up of a sequence that has just got a seat. */
  begin(sequence: Sequence): void {
    if (sequence.numPreemptions === 0) this.counts.numQueryTokens += sequence.numPromptTokens;
    this.attach(sequence);
  }

  /** Takes over what the cache has of the sequence beyond what it has computed, if it stands at the end of a block. */
  attach(sequence: Sequence): void {
    if (!this.#canContinue(sequence)) return;
    const numBlocks = this.#blocks.attachCached(sequence.table, sequence.tokenIds, sequence.maxCachedTokens);
    const numTokens = numBlocks * this.#blocks.blockSize;
    sequence.numComputed += numTokens;
    if (sequence.numPreemptions > 0) return;
    sequence.request.numCachedTokens += numTokens;
    this.counts.numHitTokens += numTokens;
  }

  /**
   * Whether one of those before `sequence` in `running` is about to compute the very block that it needs next. All
   * published blocks being attached already, two sequences that share the next block stand behind the same block. Only
   * those before it count, which makes waiting acyclic: the first of all that share a block computes it.
   */
  awaits(sequence: Sequence, running: readonly Sequence[]): boolean {
    if (!this.#canContinue(sequence)) return false;
    for (const earlier of running) {
      if (earlier === sequence) return false;
      if (this.#computesNextBlockOf(earlier, sequence)) return true;
    }
    return false;
  }

  #canContinue(sequence: Sequence): boolean {
    const { numBlocks, numPublished } = sequence.table;
    return (
      this.#blocks.cachesPrefixes &&
      numPublished === numBlocks &&
      sequence.numComputed === numBlocks * this.#blocks.blockSize
    );
  }

  #computesNextBlockOf(earlier: Sequence, sequence: Sequence): boolean {
    const { blockSize } = this.#blocks;
    const index = sequence.table.numBlocks;
    const end = (index + 1) * blockSize;
    if (earlier.table.numPublished !== index) return false;
    if (end > earlier.computeTarget || end > sequence.maxCachedTokens) return false;
    if (index > 0 && earlier.table.at(index - 1) !== sequence.table.at(index - 1)) return false;
    for (let p = end - blockSize; p < end; p++)
      if (earlier.tokenIds[p] !== sequence.tokenIds[p]) return false;
    return true;
  }
}
