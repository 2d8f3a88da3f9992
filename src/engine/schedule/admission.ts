/** @module Decides whether a waiting sequence may start: by free seats, and by a forecast of blocks. */
import type { BlockManager } from "../kv/block-manager.ts";
import type { Sequence } from "../sequence/sequence.ts";

/** Weight of the newest finished sequence in the moving mean. */
const newestWeight = 1 / 16;

/**
 * A sequence that is admitted too early is preempted later and computed twice; one that is admitted too late leaves
 * blocks idle. So the blocks that all sequences are expected to hold at their ends must fit into the pool.
 *
 * The expected length of an output is the moving mean of recent ones. A sequence that is longer than the mean is
 * expected to grow by half of its present length (the longer it ran, the longer it will run).
 */
export class Admission {
  readonly #blocks: BlockManager;
  /** Seats; lowered, those that have one keep it. */
  maxNumSeqs: number;
  #meanOutputTokens: number;

  /** @param firstGuessTokens expected output length before any sequence has ended */
  constructor(blocks: BlockManager, maxNumSeqs: number, firstGuessTokens: number) {
    this.#blocks = blocks;
    this.maxNumSeqs = maxNumSeqs;
    this.#meanOutputTokens = firstGuessTokens;
  }

  /** Learns from a sequence that ended by itself. */
  observeOutput(numTokens: number): void {
    this.#meanOutputTokens += newestWeight * (numTokens - this.#meanOutputTokens);
  }

  /**
   * What the sequence has to wait for; null: it may start. Reads `running` and the pool only, so its cost does not depend
   * on the length of the queue.
   */
  refusal(sequence: Sequence, running: readonly Sequence[]): "seats" | "kv_blocks" | null {
    if (running.length === 0) return null;
    let numSeats = sequence.numSeats;
    let numExpected = this.expectedBlocks(sequence);
    for (const other of running) {
      numSeats += other.numSeats;
      numExpected += Math.max(0, this.expectedBlocks(other) - other.table.numBlocks);
    }
    if (numSeats > this.maxNumSeqs) return "seats";
    const match = this.#blocks.match(
      sequence.tokenIds,
      sequence.maxCachedTokens,
      sequence.request.prepared.cacheSalt,
    );
    // Cached blocks need not be allocated, but unreferenced ones stop being available when they are taken.
    const numNeeded = numExpected - match.numBlocks + match.numEvictable;
    return numNeeded <= this.#blocks.numAvailable ? null : "kv_blocks";
  }

  /** Blocks that it is expected to hold at its end; n sequences share those of their prompt. */
  expectedBlocks(sequence: Sequence): number {
    const numOutput = this.#expectedOutputTokens(sequence);
    const numOwn = this.#blocks.blocksFor(sequence.numPromptTokens + numOutput);
    return numOwn + (sequence.numSeats - 1) * (this.#blocks.blocksFor(numOutput) + 1);
  }

  #expectedOutputTokens(sequence: Sequence): number {
    const expected = Math.max(this.#meanOutputTokens, 1.5 * sequence.numOutputTokens);
    return Math.min(sequence.request.prepared.maxTokens, Math.ceil(expected));
  }
}
