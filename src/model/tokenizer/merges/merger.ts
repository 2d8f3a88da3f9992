/** @module Byte-pair encoding of one word: merges neighbours, best first, until none may merge. */
import type { MergeRule } from "./merge-rule.ts";
import { PairQueue } from "./pair-queue.ts";

/** Longer words are rare and not worth remembering. */
const maxRememberedWordLength = 48;
/** Symbols or pairs looked at between two pauses of a long word: some tenths of a millisecond. */
const symbolsPerPause = 1024;
/** Most remembered words: two generations of this many, so that the memory is bounded (some 4 MB). */
const maxWordsPerGeneration = 16_384;
/** Symbols that the queue of short words has room for before it grows. */
const usualPairs = 256;
const none = -1;

/** Appends to `ids` the symbols of a word before any merge: the ids of its bytes or characters. */
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
  /** Of words that are merged at once; empty between them. */
  readonly #queue = new PairQueue(usualPairs);
  #recent = new Map<string, readonly number[]>();
  #older: ReadonlyMap<string, readonly number[]> = new Map();

  constructor(parts: MergerParts) {
    this.#parts = parts;
  }

  /** Appends the tokens of `word`. */
  encode(word: string, out: number[]): void {
    if (word.length > maxRememberedWordLength) {
      this.#mergeAtOnce(word, out);
      return;
    }
    let ids = this.#recent.get(word);
    if (ids === undefined) {
      ids = this.#older.get(word) ?? this.#merged(word);
      this.#remember(word, ids);
    }
    for (const id of ids) out.push(id);
  }

  /** The same with pauses, in which other words may be merged. */
  encodeLong(word: string, out: number[]): Generator<void> {
    return this.#merge(word, new PairQueue(word.length), out);
  }

  #remember(word: string, ids: readonly number[]): void {
    if (this.#recent.size >= maxWordsPerGeneration) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(word, ids);
  }

  #merged(word: string): readonly number[] {
    const ids: number[] = [];
    this.#mergeAtOnce(word, ids);
    return ids;
  }

  #mergeAtOnce(word: string, out: number[]): void {
    const steps = this.#merge(word, this.#queue, out);
    while (steps.next().done !== true);
  }

  *#merge(word: string, queue: PairQueue, out: number[]): Generator<void> {
    const whole = this.#parts.wholeWord(word);
    if (whole !== none) {
      out.push(whole);
      return;
    }
    const ids: number[] = [];
    for (const part of wholeCharacters(word, symbolsPerPause)) {
      this.#parts.symbolsOf(part, ids);
      if (part.length < word.length) yield;
    }
    yield* this.#mergeSymbols(ids, queue);
    for (let index = 0; index < ids.length; index++) {
      const id = ids[index] ?? none;
      if (id !== none) out.push(id);
      if (isPause(index)) yield;
    }
  }

  /** Where symbols are merged the first one's place gets the merged id and the other's gets −1. */
  *#mergeSymbols(ids: number[], queue: PairQueue): Generator<void> {
    const numSymbols = ids.length;
    const next = new Int32Array(numSymbols).fill(none);
    const previous = new Int32Array(numSymbols).fill(none);
    for (let index = 0; index + 1 < numSymbols; index++) {
      next[index] = index + 1;
      previous[index + 1] = index;
      this.#offer(queue, ids, index, index + 1);
      if (isPause(index)) yield;
    }
    const { popped } = queue;
    for (let numPopped = 0; queue.pop(); numPopped++) {
      if (isPause(numPopped)) yield;
      const { position } = popped;
      const neighbour = next[position] ?? none;
      if (neighbour === none || ids[position] !== popped.left || ids[neighbour] !== popped.right) continue;
      ids[position] = this.#parts.rule.merged(popped.handle);
      ids[neighbour] = none;
      const after = next[neighbour] ?? none;
      next[position] = after;
      if (after !== none) {
        previous[after] = position;
        this.#offer(queue, ids, position, after);
      }
      const before = previous[position] ?? none;
      if (before !== none) this.#offer(queue, ids, before, position);
    }
  }

  #offer(queue: PairQueue, ids: readonly number[], position: number, neighbour: number): void {
    const left = ids[position] ?? none;
    const right = ids[neighbour] ?? none;
    const { rule } = this.#parts;
    const handle = rule.find(left, right);
    if (handle !== none) queue.push(rule.priority(handle), position, left, right, handle);
  }
}

/** Not at the first ones: most words have no pause at all. */
function isPause(index: number): boolean {
  return index % symbolsPerPause === symbolsPerPause - 1;
}

/** `text` in parts of about `length` UTF-16 units; no surrogate pair is cut. */
function* wholeCharacters(text: string, length: number): Generator<string> {
  for (let from = 0; from < text.length; ) {
    let end = from + length;
    const endsInPair = end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800;
    if (endsInPair) end++;
    yield text.slice(from, end);
    from = end;
  }
}
