/** @module The parts of a tokenizer and of a chat template that the engine uses; `model/` implements them. */
import type { Prompt } from "../../core/generation.ts";

/** What turning tokens into text needs of a tokenizer. */
export interface TokenBytes {
  /** The bytes a token stands for; a character may be spread over several tokens. */
  tokenBytes(tokenId: number): Uint8Array;
  isSpecial(tokenId: number): boolean;
}

export interface TextTokenizer extends TokenBytes {
  encode(text: string, options: { readonly addSpecialTokens: boolean }): readonly number[];
  /** The same with pauses: yields the number of tokens so far. The caller may stop at any pause. */
  encodeWithPauses(
    text: string,
    options: { readonly addSpecialTokens: boolean },
  ): Generator<number, readonly number[]>;
  /** A token as the vocabulary writes it. */
  vocabularyEntry(tokenId: number): string;
  decode(tokenIds: readonly number[], options: { readonly skipSpecialTokens: boolean }): string;
}

export interface ChatRenderer {
  /** Throws PagodaError `invalid_request` for messages that the template refuses. */
  render(prompt: Extract<Prompt, { kind: "chat" }>): string;
}
