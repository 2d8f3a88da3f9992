/** @module The block table of one sequence: its blocks in the order of its tokens. */

const firstCapacity = 8;

/**
 * Entry i holds the keys and values of positions [i·blockSize, (i+1)·blockSize), for all layers of one group (today
 * every layer is in one group; a group that keeps only a window of positions would have a table and a manager of its own).
 *
 * Every entry is one reference on its block. Only the block manager changes a table.
 */
export class BlockTable {
  blockIds: Int32Array = new Int32Array(firstCapacity);
  numBlocks = 0;
  /** What stands in the place of the first block's parent in the prefix cache: a number below 0, other for each salt. */
  root = -1;
  /** Entries [0, numPublished) are the prefix cache's own blocks: immutable, possibly shared. */
  numPublished = 0;

  at(index: number): number {
    return this.blockIds[index] as number;
  }

  append(blockId: number): void {
    if (this.numBlocks === this.blockIds.length) {
      const grown = new Int32Array(2 * this.numBlocks);
      grown.set(this.blockIds);
      this.blockIds = grown;
    }
    this.blockIds[this.numBlocks++] = blockId;
  }

  clear(): void {
    this.numBlocks = 0;
    this.numPublished = 0;
  }
}
