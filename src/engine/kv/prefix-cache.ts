/** @module An index of full blocks by their text, keyed by the block before and the block's own tokens. */
import { invariant } from "../../core/errors.ts";

/** The parent of the first block of a text without a salt; those of salted texts are below it (salted-roots.ts). */
export const rootBlock = -1;
const none = -1;

/**
 * The key of a block is (parent block, its tokens), so equal keys mean equal text from position 0: the parent is itself
 * the only block of its text. This holds because a parent never leaves before its children: a table that holds a block
 * holds all blocks before it, and releases the last one first. `remove` checks it.
 *
 * The hash only selects a bucket; tokens are compared, so a collision costs time but never gives wrong text.
 *
 *   buckets[hash & mask] ─► block ─► nextInBucket[block] ─► …        tokens [numBlocks][blockSize]
 */
export class PrefixCache {
  readonly #blockSize: number;
  readonly #buckets: Int32Array;
  readonly #nextInBucket: Int32Array;
  readonly #bucketOf: Int32Array;
  readonly #parentOf: Int32Array;
  readonly #numChildren: Int32Array;
  readonly #tokens: Int32Array;

  constructor(numBlocks: number, blockSize: number) {
    this.#blockSize = blockSize;
    const numBuckets = 2 ** Math.ceil(Math.log2(Math.max(2, 2 * numBlocks)));
    this.#buckets = new Int32Array(numBuckets).fill(none);
    this.#nextInBucket = new Int32Array(numBlocks).fill(none);
    this.#bucketOf = new Int32Array(numBlocks).fill(none);
    this.#parentOf = new Int32Array(numBlocks).fill(rootBlock);
    this.#numChildren = new Int32Array(numBlocks);
    this.#tokens = new Int32Array(numBlocks * blockSize);
  }

  has(blockId: number): boolean {
    return this.#bucketOf[blockId] !== none;
  }

  parentOf(blockId: number): number {
    return this.#parentOf[blockId] as number;
  }

  /** The block that follows `parentId` with tokens[at, at + blockSize), or null. */
  find(parentId: number, tokens: Int32Array, at: number): number | null {
    let blockId = this.#buckets[this.#bucket(parentId, tokens, at)] as number;
    while (blockId !== none) {
      if (this.#parentOf[blockId] === parentId && this.#holds(blockId, tokens, at)) return blockId;
      blockId = this.#nextInBucket[blockId] as number;
    }
    return null;
  }

  /** `blockId` must not be in the index, nor its key. */
  insert(blockId: number, parentId: number, tokens: Int32Array, at: number): void {
    const bucket = this.#bucket(parentId, tokens, at);
    this.#nextInBucket[blockId] = this.#buckets[bucket] as number;
    this.#buckets[bucket] = blockId;
    this.#bucketOf[blockId] = bucket;
    this.#parentOf[blockId] = parentId;
    if (parentId >= 0) this.#countChild(parentId, 1);
    const copyAt = blockId * this.#blockSize;
    for (let i = 0; i < this.#blockSize; i++) this.#tokens[copyAt + i] = tokens[at + i] as number;
  }

  remove(blockId: number): void {
    invariant(this.#numChildren[blockId] === 0, () => `block ${blockId} left the cache before its children`);
    this.#unlink(blockId);
    this.#bucketOf[blockId] = none;
    const parentId = this.#parentOf[blockId] as number;
    if (parentId >= 0) this.#countChild(parentId, -1);
  }

  #unlink(blockId: number): void {
    const bucket = this.#bucketOf[blockId] as number;
    const next = this.#nextInBucket[blockId] as number;
    let at = this.#buckets[bucket] as number;
    if (at === blockId) {
      this.#buckets[bucket] = next;
      return;
    }
    while (this.#nextInBucket[at] !== blockId) at = this.#nextInBucket[at] as number;
    this.#nextInBucket[at] = next;
  }

  #countChild(parentId: number, by: 1 | -1): void {
    this.#numChildren[parentId] = (this.#numChildren[parentId] as number) + by;
  }

  #holds(blockId: number, tokens: Int32Array, at: number): boolean {
    const copyAt = blockId * this.#blockSize;
    for (let i = 0; i < this.#blockSize; i++) if (this.#tokens[copyAt + i] !== tokens[at + i]) return false;
    return true;
  }

  /** Multiply, xor-shift per token, as in MurmurHash's mixer. */
  #bucket(parentId: number, tokens: Int32Array, at: number): number {
    let hash = Math.imul(parentId + 2, 0x9e3779b1);
    for (let i = 0; i < this.#blockSize; i++) {
      hash = Math.imul(hash ^ (tokens[at + i] as number), 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & (this.#buckets.length - 1);
  }
}
