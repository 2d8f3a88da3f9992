/** @module Unigram: of all ways to write a word with pieces, the one with the best sum of scores. */
import { byteTokenName } from "./symbol-readers.ts";

export interface ScoredPiece {
  readonly piece: string;
  readonly score: number;
}

/** An unknown character costs this much more than the worst piece (as in SentencePiece). */
const unknownPenalty = 10;
const none = -1;
/** Positions between two pauses. */
const charactersPerPause = 512;
const utf8 = new TextEncoder();

/** Viterbi's algorithm over the UTF-16 positions of a word. */
export class Unigram {
  readonly #pieces: readonly ScoredPiece[];
  readonly #idOfPiece: ReadonlyMap<string, number>;
  readonly #unknownId: number;
  readonly #unknownScore: number;
  readonly #longest: number;
  readonly #byteFallback: boolean;

  constructor(
    pieces: readonly ScoredPiece[],
    idOfPiece: ReadonlyMap<string, number>,
    options: { readonly unknownId: number; readonly byteFallback: boolean },
  ) {
    this.#pieces = pieces;
    this.#idOfPiece = idOfPiece;
    this.#unknownId = options.unknownId;
    this.#byteFallback = options.byteFallback;
    this.#unknownScore =
      pieces.reduce((least, { score }) => Math.min(least, score), Infinity) - unknownPenalty;
    this.#longest = pieces.reduce((longest, { piece }) => Math.max(longest, piece.length), 0);
  }

  /** Appends the tokens of `word`. */
  encode(word: string, out: number[]): void {
    const steps = this.encodeLong(word, out);
    while (steps.next().done !== true);
  }

  /** The same with pauses, in which other words may be encoded. */
  *encodeLong(word: string, out: number[]): Generator<void> {
    let unknown = "";
    for (const { text, id } of yield* this.#bestPath(word)) {
      if (id === none) {
        unknown += text;
        continue;
      }
      this.#writeUnknown(unknown, out);
      unknown = "";
      out.push(id);
    }
    this.#writeUnknown(unknown, out);
  }

  /** Unknown characters in a row are one token, or the bytes of all of them. */
  #writeUnknown(text: string, out: number[]): void {
    if (text === "") return;
    const bytes = this.#byteFallback
      ? Array.from(utf8.encode(text), (byte) => this.#idOfPiece.get(byteTokenName(byte)) ?? none)
      : [none];
    if (!bytes.includes(none)) for (const id of bytes) out.push(id);
    else if (this.#unknownId !== none) out.push(this.#unknownId);
  }

  /** The id is −1 where a character is in no piece. */
  *#bestPath(word: string): Generator<void, readonly { readonly text: string; readonly id: number }[]> {
    const score = new Float64Array(word.length + 1).fill(-Infinity);
    const from = new Int32Array(word.length + 1);
    const idAt = new Int32Array(word.length + 1).fill(none);
    score[0] = 0;
    const offer = (start: number, end: number, id: number, added: number) => {
      const offered = (score[start] ?? 0) + added;
      if (offered <= (score[end] ?? 0)) return;
      score[end] = offered;
      from[end] = start;
      idAt[end] = id;
    };
    for (let start = 0, width = 1; start < word.length; start += width) {
      width = (word.codePointAt(start) ?? 0) > 0xffff ? 2 : 1;
      let isKnown = false;
      for (let end = start + width; end <= Math.min(word.length, start + this.#longest); end++) {
        const id = this.#idOfPiece.get(word.slice(start, end));
        if (id === undefined) continue;
        offer(start, end, id, this.#pieces[id]?.score ?? 0);
        isKnown ||= end === start + width;
      }
      if (!isKnown) offer(start, start + width, none, this.#unknownScore);
      if (start % charactersPerPause === 0 && start > 0) yield;
    }
    const path: { text: string; id: number }[] = [];
    for (let end = word.length; end > 0; end = from[end] ?? 0)
      path.push({ text: word.slice(from[end], end), id: idAt[end] ?? none });
    return path.reverse();
  }
}
