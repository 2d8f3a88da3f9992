/** @module A limit on the KV blocks in use that changes while sequences are there. */
import type { BlockManager } from "../kv/block-manager.ts";
import type { Sequence } from "../sequence/sequence.ts";

/**
 * Every sequence must fit into the pool when it is alone there, or it could never end. So a limit below the need of a
 * sequence that is here already is deferred: the pool keeps this need until the sequence has ended.
 */
export class PoolLimit {
  readonly #blocks: BlockManager;
  #numRequested: number;

  constructor(blocks: BlockManager) {
    this.#blocks = blocks;
    this.#numRequested = blocks.limit;
  }

  get numRequested(): number {
    return this.#numRequested;
  }

  get isDeferred(): boolean {
    return this.#blocks.limit > this.#numRequested;
  }

  request(numBlocks: number, alive: Iterable<Sequence>): void {
    this.#numRequested = numBlocks;
    this.settle(alive);
  }

  /** Comes as near to what was requested as the sequences allow. */
  settle(alive: Iterable<Sequence>): void {
    let numBlocks = this.#numRequested;
    for (const sequence of alive) numBlocks = Math.max(numBlocks, this.#need(sequence));
    if (numBlocks !== this.#blocks.limit) this.#blocks.limitTo(numBlocks);
  }

  /** A sequence that was let in under a higher limit. */
  makeRoomFor(sequence: Sequence): void {
    const numBlocks = this.#need(sequence);
    if (numBlocks > this.#blocks.limit) this.#blocks.limitTo(numBlocks);
  }

  /** Blocks at its longest; the last token generated is never computed. */
  #need({ numPromptTokens, request }: Sequence): number {
    const numTokens = numPromptTokens + Math.max(0, request.prepared.maxTokens - 1);
    return Math.min(this.#blocks.numTotal, this.#blocks.blocksFor(numTokens));
  }
}
