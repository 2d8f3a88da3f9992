/** @module Byte-pair encoding of one word: merges neighbours, best first, until none may merge. */
import type { MergeRule } from "./merge-rule.ts";
import { PairQueue } from "./pair-queue.ts";

/** Words longer than this are rare and not worth remembering. */
const maxRememberedWordLength = 48;
/** Most remembered words: two generations of this many, so that the memory is bounded (some 4 MB). */
const maxWordsPerGeneration = 16_384;
const none = -1;

/** What a word is before any merge: the ids of its bytes or characters, appended to `ids`. */
export type SymbolReader = (word: string, ids: number[]) => void;

export interface MergerParts {
  readonly symbolsOf: SymbolReader;
  readonly rule: MergeRule;
  /** The whole word's token where it is one and no merging is wanted (`ignore_merges`); −1 otherwise. */
  readonly wholeWord: (word: string) => number;
}

/**
 * Symbols are a doubly linked list over arrays; candidates wait in a heap and are checked when they come out, because a
 * merge beside them may have replaced one of the two. O(n log n) in the length of a word.
 */
export class Merger {
  readonly #parts: MergerParts;
  readonly #queue = new PairQueue();
  #recent = new Map<string, readonly number[]>();
  #older: ReadonlyMap<string, readonly number[]> = new Map();

  constructor(parts: MergerParts) {
    this.#parts = parts;
  }

  /** Appends the tokens of `word`. */
  encode(word: string, out: number[]): void {
    if (word.length > maxRememberedWordLength) {
      for (const id of this.#merge(word)) out.push(id);
      return;
    }
    let ids = this.#recent.get(word);
    if (ids === undefined) {
      ids = this.#older.get(word) ?? this.#merge(word);
      this.#remember(word, ids);
    }
    for (const id of ids) out.push(id);
  }

  #remember(word: string, ids: readonly number[]): void {
    if (this.#recent.size >= maxWordsPerGeneration) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(word, ids);
  }

  #merge(word: string): readonly number[] {
    const whole = this.#parts.wholeWord(word);
    if (whole !== none) return [whole];
    const ids: number[] = [];
    this.#parts.symbolsOf(word, ids);
    if (ids.length < 2) return ids;
    return this.#mergeSymbols(ids);
  }

  #mergeSymbols(ids: number[]): readonly number[] {
    const numSymbols = ids.length;
    const next = Int32Array.from({ length: numSymbols }, (_, index) =>
      index + 1 < numSymbols ? index + 1 : none,
    );
    const previous = Int32Array.from({ length: numSymbols }, (_, index) => index - 1);
    for (let index = 0; index + 1 < numSymbols; index++) this.#offer(ids, index, index + 1);
    const { popped } = this.#queue;
    while (this.#queue.pop()) {
      const { position } = popped;
      const neighbour = next[position] ?? none;
      if (neighbour === none || ids[position] !== popped.left || ids[neighbour] !== popped.right) continue;
      ids[position] = this.#parts.rule.merged(popped.handle);
      ids[neighbour] = none;
      const after = next[neighbour] ?? none;
      next[position] = after;
      if (after !== none) {
        previous[after] = position;
        this.#offer(ids, position, after);
      }
      const before = previous[position] ?? none;
      if (before !== none) this.#offer(ids, before, position);
    }
    return ids.filter((id) => id !== none);
  }

  #offer(ids: readonly number[], position: number, neighbour: number): void {
    const left = ids[position] ?? none;
    const right = ids[neighbour] ?? none;
    const { rule } = this.#parts;
    const handle = rule.find(left, right);
    if (handle !== none) this.#queue.push(rule.priority(handle), position, left, right, handle);
  }
}
