/** @module A doubly linked list of block ids that allocates nothing: the order in which cached blocks are evicted. */

const none = -1;

/** Oldest first. A block is in the list at most once; every operation is O(1). */
export class BlockList {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  #head = none;
  #tail = none;
  #numBlocks = 0;

  /** @param numIds ids run from 0 to numIds − 1 */
  constructor(numIds: number) {
    this.#next = new Int32Array(numIds).fill(none);
    this.#previous = new Int32Array(numIds).fill(none);
  }

  get numBlocks(): number {
    return this.#numBlocks;
  }

  append(blockId: number): void {
    this.#previous[blockId] = this.#tail;
    this.#next[blockId] = none;
    if (this.#tail === none) this.#head = blockId;
    else this.#next[this.#tail] = blockId;
    this.#tail = blockId;
    this.#numBlocks++;
  }

  remove(blockId: number): void {
    const previous = this.#previous[blockId] as number;
    const next = this.#next[blockId] as number;
    if (previous === none) this.#head = next;
    else this.#next[previous] = next;
    if (next === none) this.#tail = previous;
    else this.#previous[next] = previous;
    this.#numBlocks--;
  }

  /** Removes and returns the oldest; null when empty. */
  takeOldest(): number | null {
    const blockId = this.#head;
    if (blockId === none) return null;
    this.remove(blockId);
    return blockId;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let id = this.#head; id !== none; id = this.#next[id] as number) yield id;
  }
}
