/** @module Whether a waiting sequence may start: seats now, and blocks by forecast. */
import type { BlockManager } from "../kv/block-manager.ts";
import type { Sequence } from "../sequence/sequence.ts";

/** Weight of the newest finished sequence in the moving mean. */
const newestWeight = 1 / 16;

/**
 * A sequence that is let in too early is preempted later and computed twice; one that is let in too late leaves blocks
 * idle. So the blocks that everyone is expected to hold in the end must fit into the pool.
 *
 * Outputs end when they end; the best guess is the mean of recent ones. A sequence that has outgrown the mean is
 * expected to go on for half of what it has already (the longer it ran, the longer it will).
 */
export class Admission {
  readonly #blocks: BlockManager;
  readonly #maxNumSeqs: number;
  #meanOutputTokens: number;

  /** @param firstGuessTokens how long outputs are, before any has ended */
  constructor(blocks: BlockManager, maxNumSeqs: number, firstGuessTokens: number) {
    this.#blocks = blocks;
    this.#maxNumSeqs = maxNumSeqs;
    this.#meanOutputTokens = firstGuessTokens;
  }

  /** Learns from a sequence that ended by itself. */
  observeOutput(numTokens: number): void {
    this.#meanOutputTokens += newestWeight * (numTokens - this.#meanOutputTokens);
  }

  /** Looks at `running` and the pool only: what it costs does not depend on how many wait. */
  admits(sequence: Sequence, running: readonly Sequence[]): boolean {
    if (running.length === 0) return true;
    let numSeats = sequence.numSeats;
    let numExpected = this.#expectedBlocks(sequence);
    for (const other of running) {
      numSeats += other.numSeats;
      numExpected += Math.max(0, this.#expectedBlocks(other) - other.table.numBlocks);
    }
    if (numSeats > this.#maxNumSeqs) return false;
    const match = this.#blocks.match(sequence.tokenIds, sequence.maxCachedTokens);
    // Cached blocks need not be allocated, but those that nobody references stop being available when taken.
    return numExpected - match.numBlocks + match.numEvictable <= this.#blocks.numAvailable;
  }

  /** Blocks it will hold at its end; n sequences share their prompt's. */
  #expectedBlocks(sequence: Sequence): number {
    const numOutput = this.#expectedOutputTokens(sequence);
    const numOwn = this.#blocks.blocksFor(sequence.numPromptTokens + numOutput);
    return numOwn + (sequence.numSeats - 1) * (this.#blocks.blocksFor(numOutput) + 1);
  }

  #expectedOutputTokens(sequence: Sequence): number {
    const expected = Math.max(this.#meanOutputTokens, 1.5 * sequence.numOutputTokens);
    return Math.min(sequence.request.prepared.maxTokens, Math.ceil(expected));
  }
}
