/** @module Text to token ids and back; one pipeline for tokenizer.json and for the vocabulary inside a GGUF file. */
import { PagodaError } from "../../core/errors.ts";
import { type AddedToken, AddedTokenSplitter } from "./added-tokens.ts";
import type { Normalizer } from "./normalizer.ts";
import { requireModestGrowth } from "./patterns/bounded-replace.ts";
import type { PreTokenizer } from "./pre-tokenizer.ts";

export interface Tokenizer {
  /** Ids in the vocabulary, added tokens included: one more than the largest id. */
  readonly numTokens: number;
  readonly bosId: number | null;
  /** Tokens that end a text, likeliest first. */
  readonly eosIds: readonly number[];
  /** Text of special tokens in `text` becomes those tokens. `addSpecialTokens` adds what the model wants around a text. */
  encode(text: string, options: { readonly addSpecialTokens: boolean }): number[];
  /**
   * The same with pauses, for texts that must not be cut while everyone waits. Yields, every millisecond or so, how many
   * tokens there are so far. It may be left at any pause.
   */
  encodeWithPauses(
    text: string,
    options: { readonly addSpecialTokens: boolean },
  ): Generator<number, number[]>;
  /** Bytes that are not UTF-8 come out as U+FFFD. Throws PagodaError `invalid_request` for an id outside the vocabulary. */
  decode(tokenIds: readonly number[], options: { readonly skipSpecialTokens: boolean }): string;
  /** The model's own writing of a token; "" where the id is not used. */
  vocabularyEntry(tokenId: number): string;
  /** The token's exact bytes, which may be part of a character. */
  tokenBytes(tokenId: number): Uint8Array;
  isSpecial(tokenId: number): boolean;
}

/** From a word, as the pre-tokenizer cut it, to tokens: by merges or by scores of whole paths. */
export interface WordEncoder {
  /** The same as `encode` with pauses, in which other words may be encoded. */
  encodeLong(word: string, out: number[]): Generator<void>;
  /** Appends the tokens of `word`. */
  encode(word: string, out: number[]): void;
}

/** What a vocabulary's source is turned into. */
export interface TokenizerParts {
  /** The model's own writing of each id; undefined where an id is not used. */
  readonly pieces: readonly (string | undefined)[];
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: Normalizer;
  readonly preTokenizer: PreTokenizer;
  readonly encoder: WordEncoder;
  /** Bytes of a token that is not an added one. */
  readonly bytesOfPiece: (piece: string) => Uint8Array;
  /** Bytes of an added token. */
  readonly bytesOfAddedToken: (content: string) => Uint8Array;
  /** Decoded text loses one leading space, because encoding puts one there. */
  readonly dropsLeadingSpace: boolean;
  readonly prefixIds: readonly number[];
  readonly suffixIds: readonly number[];
  readonly bosId: number | null;
  readonly eosIds: readonly number[];
}

const utf8Decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** Characters cut between two pauses, and of a word that has pauses of its own. */
const charactersPerPause = 512;
const noBytes = new Uint8Array();

export class PieceTokenizer implements Tokenizer {
  readonly numTokens: number;
  readonly bosId: number | null;
  readonly eosIds: readonly number[];
  readonly #parts: TokenizerParts;
  readonly #addedById: ReadonlyMap<number, AddedToken>;
  readonly #rawSplitter: AddedTokenSplitter;
  readonly #normalizedSplitter: AddedTokenSplitter;

  constructor(parts: TokenizerParts) {
    this.#parts = parts;
    // Those that are looked for in normalised text are normalised themselves.
    const addedTokens = parts.addedTokens.map((token) =>
      token.normalized ? { ...token, content: parts.normalizer(token.content, true) } : token,
    );
    this.#addedById = new Map(addedTokens.map((token) => [token.id, token]));
    this.numTokens = parts.addedTokens.reduce(
      (largest, token) => Math.max(largest, token.id + 1),
      parts.pieces.length,
    );
    this.bosId = parts.bosId;
    this.eosIds = parts.eosIds;
    this.#rawSplitter = new AddedTokenSplitter(addedTokens.filter((token) => !token.normalized));
    this.#normalizedSplitter = new AddedTokenSplitter(addedTokens.filter((token) => token.normalized));
  }

  encode(text: string, options: { readonly addSpecialTokens: boolean }): number[] {
    const steps = this.encodeWithPauses(text, options);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  *encodeWithPauses(
    text: string,
    options: { readonly addSpecialTokens: boolean },
  ): Generator<number, number[]> {
    const ids: number[] = options.addSpecialTokens ? [...this.#parts.prefixIds] : [];
    let isFirst = true;
    let numUnpaused = 0;
    for (const segment of this.#rawSplitter.split(text)) {
      if (segment.tokenId >= 0) ids.push(segment.tokenId);
      else yield* this.#encodeRaw(segment.text, isFirst, ids);
      isFirst = false;
      numUnpaused += segment.text.length;
      if (numUnpaused < charactersPerPause) continue;
      numUnpaused = 0;
      yield ids.length;
    }
    if (options.addSpecialTokens) ids.push(...this.#parts.suffixIds);
    return ids;
  }

  decode(tokenIds: readonly number[], options: { readonly skipSpecialTokens: boolean }): string {
    const chunks: Uint8Array[] = [];
    for (const id of tokenIds) {
      if (!(Number.isInteger(id) && id >= 0 && id < this.numTokens))
        throw new PagodaError(
          "invalid_request",
          `Token id ${id} is outside the vocabulary of ${this.numTokens}.`,
          { hint: `Token ids of this model run from 0 to ${this.numTokens - 1}.` },
        );
      if (!(options.skipSpecialTokens && this.isSpecial(id))) chunks.push(this.tokenBytes(id));
    }
    const text = utf8Decoder.decode(Buffer.concat(chunks));
    return this.#parts.dropsLeadingSpace && text.startsWith(" ") ? text.slice(1) : text;
  }

  tokenBytes(tokenId: number): Uint8Array {
    const added = this.#addedById.get(tokenId);
    if (added !== undefined) return this.#parts.bytesOfAddedToken(added.content);
    const piece = this.#parts.pieces[tokenId];
    return piece === undefined ? noBytes : this.#parts.bytesOfPiece(piece);
  }

  vocabularyEntry(tokenId: number): string {
    return this.#addedById.get(tokenId)?.content ?? this.#parts.pieces[tokenId] ?? "";
  }

  isSpecial(tokenId: number): boolean {
    return this.#addedById.get(tokenId)?.special ?? false;
  }

  *#encodeRaw(text: string, isFirst: boolean, ids: number[]): Generator<number> {
    const { normalizer, preTokenizer, encoder } = this.#parts;
    let first = isFirst;
    let numUnpaused = 0;
    for (const segment of this.#normalizedSplitter.split(
      requireModestGrowth(normalizer(text, isFirst), text),
    )) {
      if (segment.tokenId >= 0) ids.push(segment.tokenId);
      else
        for (const word of preTokenizer(segment.text, first)) {
          if (word.length < charactersPerPause) encoder.encode(word, ids);
          else for (const _ of encoder.encodeLong(word, ids)) yield ids.length;
          numUnpaused += word.length;
          if (numUnpaused < charactersPerPause) continue;
          numUnpaused = 0;
          yield ids.length;
        }
      first = false;
    }
  }
}
