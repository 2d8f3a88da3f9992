/** @module From tokens to text, one token at a time, without ever showing half a character. */
import type { TokenBytes } from "../request/text-tokenizer.ts";

/**
 * Bytes of a started character are held back until it is complete. What can never become a character turns into
 * U+FFFD, as transformers' `decode` shows it.
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

  /** Characters that `tokenId` completes; often more than one, sometimes none. */
  push(tokenId: number): string {
    if (this.#skipSpecialTokens && this.#tokenizer.isSpecial(tokenId)) return "";
    return this.#decoder.decode(this.#tokenizer.tokenBytes(tokenId), { stream: true });
  }

  /** What is left of an incomplete character: one U+FFFD or nothing. */
  finish(): string {
    return this.#decoder.decode();
  }
}
