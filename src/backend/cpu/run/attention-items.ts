/**
 * @module Cuts a step's attention into work items that threads take one by one.
 *
 * An item has up to `maxItemRows` rows of a slice, so that a tile of keys is read once for several queries. It may also have the
 * single rows of several neighboring slices that begin with the same blocks, as long as every thread still gets enough items.
 * If there are too few items to keep all threads busy, long ones are cut by partitions and merged afterwards. The result is
 * the same to the bit in all cases (`tokensPerPartition`).
 */
import { invariant } from "../../../core/errors.ts";
import { blocksOfLength } from "../../../core/kv-layout.ts";
import type { StepInputs } from "../../backend.ts";
import { maxSplitRows } from "../footprint/buffer-sizes.ts";
import { maxItemRows, tokensPerPartition } from "../footprint/workspace-layout.ts";
import { attentionItem } from "../kernels/jobs.ts";

/** Items are cut so finely that each thread gets about this many pieces. */
const piecesPerThread = 4;

export interface AttentionItemLimits {
  readonly numThreads: number;
  /** Fewest KV heads of any layer: each is a unit of its own. */
  readonly numKvHeads: number;
  /** Most query heads of any layer. */
  readonly numHeads: number;
  /** Most partial records at once. */
  readonly maxPartials: number;
  readonly blockSize: number;
  /** Whether any layer attends to a window of positions only: then rows of several slices are not put into one item. */
  readonly hasWindow: boolean;
}

/** Writes the tables of `attentionItem` records; allocates nothing. */
export class AttentionItems {
  numItems = 0;
  numMergeItems = 0;
  readonly #items: Int32Array;
  readonly #mergeItems: Int32Array;
  readonly #limits: AttentionItemLimits;
  #numPartials = 0;

  /** `items` and `mergeItems` are the tables themselves, in arena 0. */
  constructor(items: Int32Array, mergeItems: Int32Array, limits: AttentionItemLimits) {
    this.#items = items;
    this.#mergeItems = mergeItems;
    this.#limits = limits;
  }

  build(inputs: StepInputs): void {
    this.numItems = 0;
    this.numMergeItems = 0;
    this.#numPartials = 0;
    const largestPiece = this.#largestPiece(inputs);
    const mostRows = this.#mostSharingRows(inputs);
    for (let slice = 0; slice < inputs.numSlices; ) {
      const numSharing = mostRows > 1 ? this.#addSharing(inputs, slice, mostRows) : 0;
      if (numSharing === 0) this.#addSlice(inputs, slice, largestPiece);
      slice += Math.max(1, numSharing);
    }
  }

  /** Most rows of several slices in one item such that every thread still gets enough pieces. */
  #mostSharingRows({ numSlices }: StepInputs): number {
    const { numKvHeads, numThreads, hasWindow } = this.#limits;
    if (hasWindow) return 1;
    return Math.min(maxItemRows, Math.floor((numSlices * numKvHeads) / (numThreads * piecesPerThread)));
  }

  /** Adds one item for `slice` and those after it that share whole partitions with it; returns how many, 0 for none. */
  #addSharing(inputs: StepInputs, slice: number, mostRows: number): number {
    let numShared = fullPartitions(inputs, slice);
    let numRows = 1;
    for (; numRows < mostRows && slice + numRows < inputs.numSlices; numRows++) {
      const most = Math.min(numShared, fullPartitions(inputs, slice + numRows));
      const numAlike = this.#alikePartitions(inputs, slice, slice + numRows, most);
      // The second row decides how many partitions are shared; later rows join if they share all of these.
      if (numAlike === 0 || (numRows > 1 && numAlike < numShared)) break;
      numShared = numAlike;
    }
    if (numRows === 1) return 0;
    const firstRow = entry(inputs.sliceStarts, slice);
    let numPartitions = 0;
    for (let row = firstRow; row < firstRow + numRows; row++)
      numPartitions = Math.max(numPartitions, partitionsUpTo(entry(inputs.positions, row)));
    this.#addItem(slice, firstRow, numRows, 0, numPartitions, -1, numShared);
    return numRows;
  }

  /** Leading partitions, at most `most`, that lie in the same blocks for two slices. */
  #alikePartitions(
    { blockTables, maxBlocksPerSequence }: StepInputs,
    a: number,
    b: number,
    most: number,
  ): number {
    const numBlocks = blocksOfLength(most * tokensPerPartition, this.#limits.blockSize);
    let block = 0;
    while (
      block < numBlocks &&
      entry(blockTables, a * maxBlocksPerSequence + block) ===
        entry(blockTables, b * maxBlocksPerSequence + block)
    )
      block++;
    return Math.min(most, Math.floor((block * this.#limits.blockSize) / tokensPerPartition));
  }

  /** Partitions in the longest piece with which the threads still finish at about the same time. */
  #largestPiece(inputs: StepInputs): number {
    let numPartitions = 0;
    for (let slice = 0; slice < inputs.numSlices; slice++) {
      const endRow = entry(inputs.sliceStarts, slice + 1);
      for (let row = entry(inputs.sliceStarts, slice); row < endRow; row += maxItemRows)
        numPartitions += partitionsUpTo(entry(inputs.positions, Math.min(row + maxItemRows, endRow) - 1));
    }
    const { numKvHeads, numThreads } = this.#limits;
    return Math.max(1, Math.ceil((numPartitions * numKvHeads) / (numThreads * piecesPerThread)));
  }

  #addSlice(inputs: StepInputs, slice: number, largestPiece: number): void {
    const endRow = entry(inputs.sliceStarts, slice + 1);
    for (let row = entry(inputs.sliceStarts, slice); row < endRow; row += maxItemRows) {
      const numRows = Math.min(maxItemRows, endRow - row);
      const numPartitions = partitionsUpTo(entry(inputs.positions, row + numRows - 1));
      const numPartials = numPartitions * numRows * this.#limits.numHeads;
      const isCut =
        numPartitions > largestPiece &&
        this.numMergeItems < maxSplitRows &&
        this.#numPartials + numPartials <= this.#limits.maxPartials;
      if (isCut) this.#addPieces(slice, row, numRows, numPartitions, largestPiece);
      else this.#addItem(slice, row, numRows, 0, numPartitions, -1);
    }
  }

  #addPieces(slice: number, row: number, numRows: number, numPartitions: number, largestPiece: number): void {
    const firstPartial = this.#numPartials;
    const partialsPerPartition = numRows * this.#limits.numHeads;
    for (let first = 0; first < numPartitions; first += largestPiece) {
      const numInPiece = Math.min(largestPiece, numPartitions - first);
      this.#addItem(slice, row, numRows, first, numInPiece, firstPartial + first * partialsPerPartition);
    }
    writeItem(this.#mergeItems, this.numMergeItems, slice, row, numRows, 0, numPartitions, firstPartial);
    this.numMergeItems += 1;
    this.#numPartials += numPartitions * partialsPerPartition;
  }

  #addItem(
    slice: number,
    row: number,
    numRows: number,
    firstPartition: number,
    numPartitions: number,
    firstPartial: number,
    numShared = 0,
  ): void {
    invariant(
      (this.numItems + 1) * attentionItem.words <= this.#items.length,
      () => `more than ${this.numItems} attention items`,
    );
    writeItem(this.#items, this.numItems, slice, row, numRows, firstPartition, numPartitions, firstPartial);
    // Merge items have one slice, so this word of theirs stays 0.
    this.#items[this.numItems * attentionItem.words + attentionItem.numShared] = numShared;
    this.numItems += 1;
  }
}

function writeItem(
  table: Int32Array,
  index: number,
  slice: number,
  firstRow: number,
  numRows: number,
  firstPartition: number,
  numPartitions: number,
  firstPartial: number,
): void {
  const word = index * attentionItem.words;
  table[word + attentionItem.slice] = slice;
  table[word + attentionItem.firstRow] = firstRow;
  table[word + attentionItem.numRows] = numRows;
  table[word + attentionItem.firstPartition] = firstPartition;
  table[word + attentionItem.numPartitions] = numPartitions;
  table[word + attentionItem.firstPartial] = firstPartial;
}

/** Whole partitions in the context of a slice of one row; 0 for a slice of several rows. */
function fullPartitions({ sliceStarts, positions }: StepInputs, slice: number): number {
  const row = entry(sliceStarts, slice);
  if (entry(sliceStarts, slice + 1) !== row + 1) return 0;
  return Math.floor((entry(positions, row) + 1) / tokensPerPartition);
}

function partitionsUpTo(position: number): number {
  return Math.floor(position / tokensPerPartition) + 1;
}

/** Entry of a typed array whose index is within it by construction. */
function entry(values: Int32Array, index: number): number {
  return values[index] as number;
}
