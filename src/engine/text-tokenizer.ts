/** @module What the engine needs of a tokenizer and of a chat template; `model/tokenizer` and `model/chat-template` have it. */
import type { Prompt } from "../core/generation.ts";
import type { TokenBytes } from "./detokenizer.ts";

export interface TextTokenizer extends TokenBytes {
  encode(text: string, options: { readonly addSpecialTokens: boolean }): readonly number[];
  decode(tokenIds: readonly number[], options: { readonly skipSpecialTokens: boolean }): string;
}

export interface ChatRenderer {
  /** Throws PagodaError `invalid_request` for messages that the template refuses. */
  render(prompt: Extract<Prompt, { kind: "chat" }>): string;
}
