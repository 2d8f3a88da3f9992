/** @module Lets sequences reuse each other's prefixes: those in the cache, and those being computed. */

import type { BlockManager } from "../kv/block-manager.ts";
import { GhostCache } from "../kv/ghost/ghost-cache.ts";
import type { Sequence } from "../sequence/sequence.ts";

/** Prompt tokens looked up in the prefix cache, and those found. A request counts once, even if it is preempted. */
export interface PrefixCounts {
  numQueryTokens: number;
  numHitTokens: number;
}

export class PrefixSharing {
  readonly counts: PrefixCounts = { numQueryTokens: 0, numHitTokens: 0 };
  /** What other pool sizes would have found. */
  readonly ghosts: GhostCache;
  readonly #blocks: BlockManager;

  constructor(blocks: BlockManager) {
    this.#blocks = blocks;
    this.ghosts = new GhostCache(blocks.numTotal, blocks.blockSize);
  }

  /** First look-up, when a sequence gets its seat. */
  begin(sequence: Sequence): void {
    const isCounted = sequence.numPreemptions === 0;
    if (isCounted) this.counts.numQueryTokens += sequence.numPromptTokens;
    if (this.#blocks.cachesPrefixes) {
      const { maxCachedTokens, numTokens } = sequence;
      const { numReferenced } = this.#blocks;
      this.ghosts.begin(sequence.tokenIds, numTokens, { maxCachedTokens, numReferenced, isCounted });
      sequence.numFollowedTokens = numTokens;
    }
    this.#blocks.begin(sequence.table, sequence.request.prepared.cacheSalt);
    this.attach(sequence);
  }

  /** A sequence that lets go of its blocks: it has ended, or is preempted. Call it while it still knows its blocks. */
  end(sequence: Sequence): void {
    const { tokenIds, numFollowedTokens, table } = sequence;
    const numCachedTokens = table.numPublished * this.#blocks.blockSize;
    if (numFollowedTokens > 0 || numCachedTokens > 0)
      this.ghosts.end(tokenIds, numFollowedTokens, numCachedTokens);
    sequence.numFollowedTokens = 0;
  }

  /** If the sequence is at the end of a block, appends the cached blocks that continue it. */
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
   * Whether a sequence before `sequence` in `running` is about to compute the block that it needs next. All published
   * blocks are attached already, so two sequences that share the next block have the same block before it. Only earlier
   * sequences count, so waiting has no cycles: the first of those that share a block computes it.
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
    if (earlier.table.root !== sequence.table.root) return false;
    if (index > 0 && earlier.table.at(index - 1) !== sequence.table.at(index - 1)) return false;
    for (let p = end - blockSize; p < end; p++)
      if (earlier.tokenIds[p] !== sequence.tokenIds[p]) return false;
    return true;
  }
}
