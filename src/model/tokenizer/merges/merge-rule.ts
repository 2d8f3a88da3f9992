/** @module Which neighbouring tokens may merge, and in which order. Two kinds: a ranked list, or scores of pieces. */
import { invariant } from "../../../core/errors.ts";

/** A merge is named by a handle ≥ 0. */
export interface MergeRule {
  /** Handle of the merge of two neighbours, or −1. */
  find(left: number, right: number): number;
  /** Lower merges first; among equals the leftmost. */
  priority(handle: number): number;
  /** The token that a merge gives. */
  merged(handle: number): number;
}

/** Merges in order of rank, a column each: neighbours `left` and `right` become `merged`. */
export interface MergeTable {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly merged: Int32Array;
}

const empty = -1;

/**
 * Merges in order of rank, in an open-addressed hash table of typed arrays: a list of 49,000 costs 1.8 MB and a
 * lookup some 10 ns, where a Map of strings costs ten times both. The handle is the rank.
 */
export class RankedMerges implements MergeRule {
  readonly #mask: number;
  /** Rank stored in each slot, or −1. */
  readonly #slots: Int32Array;
  readonly #table: MergeTable;

  constructor(table: MergeTable) {
    const numMerges = table.merged.length;
    const numSlots = 2 ** Math.ceil(Math.log2(Math.max(2, numMerges * 2)));
    this.#mask = numSlots - 1;
    this.#slots = new Int32Array(numSlots).fill(empty);
    this.#table = table;
    // A pair listed twice keeps its first, better rank: later ones are never reached by find().
    for (let rank = 0; rank < numMerges; rank++) this.#insert(rank);
  }

  find(left: number, right: number): number {
    const table = this.#table;
    for (let slot = this.#hash(left, right); ; slot = (slot + 1) & this.#mask) {
      const rank = this.#slots[slot] ?? empty;
      if (rank === empty || (table.left[rank] === left && table.right[rank] === right)) return rank;
    }
  }

  priority(handle: number): number {
    return handle;
  }

  merged(handle: number): number {
    return this.#table.merged[handle] ?? empty;
  }

  #insert(rank: number): void {
    let slot = this.#hash(this.#table.left[rank] ?? 0, this.#table.right[rank] ?? 0);
    while (this.#slots[slot] !== empty) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = rank;
  }

  #hash(left: number, right: number): number {
    const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & this.#mask;
  }
}

/** Most remembered pairs of ScoredMerges (some 40 bytes each). */
const maxRememberedPairs = 1 << 16;

/**
 * SentencePiece's rule: two neighbours merge where their joined text is a piece, the best score first. The handle is
 * the merged token's id.
 */
export class ScoredMerges implements MergeRule {
  readonly #pieces: readonly string[];
  readonly #idOfPiece: ReadonlyMap<string, number>;
  readonly #scores: Float32Array;
  readonly #remembered = new Map<number, number>();

  /** `idOfPiece` holds the pieces that may come out of a merge. */
  constructor(pieces: readonly string[], idOfPiece: ReadonlyMap<string, number>, scores: Float32Array) {
    invariant(scores.length === pieces.length, () => `${scores.length} scores of ${pieces.length} pieces`);
    this.#pieces = pieces;
    this.#idOfPiece = idOfPiece;
    this.#scores = scores;
  }

  find(left: number, right: number): number {
    const pair = left * this.#pieces.length + right;
    const known = this.#remembered.get(pair);
    if (known !== undefined) return known;
    const text = `${this.#pieces[left]}${this.#pieces[right]}`;
    const id = this.#idOfPiece.get(text) ?? empty;
    if (this.#remembered.size >= maxRememberedPairs) this.#remembered.clear();
    this.#remembered.set(pair, id);
    return id;
  }

  priority(handle: number): number {
    return -(this.#scores[handle] ?? 0);
  }

  merged(handle: number): number {
    return handle;
  }
}
