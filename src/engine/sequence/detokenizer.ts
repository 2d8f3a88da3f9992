/** @module Turns tokens into text, one at a time, and never shows half a character. */
import type { TokenBytes } from "../request/text-tokenizer.ts";

/**
 * Bytes of an incomplete character are held back until it is complete. Bytes that cannot become a character turn into
 * U+FFFD, as in transformers' `decode`.
 */
export class Detokenizer {
  readonly #tokenizer: TokenBytes;
  readonly #skipSpecialTokens: boolean;
  // ignoreBOM: a token may well be U+FEFF, and it is text like any other.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(tokenizer: TokenBytes, skipSpecialTokens: boolean) {
    this.#tokenizer = tokenizer;
    this.#skipSpecialTokens = skipSpecialTokens;
  }

  /** The characters that `tokenId` completes: often more than one, sometimes none. */
  push(tokenId: number): string {
    if (this.#skipSpecialTokens && this.#tokenizer.isSpecial(tokenId)) return "";
    return this.#decoder.decode(this.#tokenizer.tokenBytes(tokenId), { stream: true });
  }

  /** Called after the last token: U+FFFD for an incomplete character, else the empty string. */
  finish(): string {
    return this.#decoder.decode();
  }
}
