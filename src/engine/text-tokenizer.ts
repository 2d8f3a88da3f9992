/** @module What the engine needs of a tokenizer and of a chat template. */
import type { ChatMessage } from "../core/generation.ts";
import type { TokenBytes } from "./detokenizer.ts";

export interface TextTokenizer extends TokenBytes {
  encode(text: string, options: { readonly addSpecialTokens: boolean }): readonly number[];
  decode(tokenIds: readonly number[], options: { readonly skipSpecialTokens: boolean }): string;
}

export interface ChatTemplateOptions {
  readonly addGenerationPrompt: boolean;
  readonly continueFinalMessage: boolean;
  readonly tools: readonly unknown[] | null;
  readonly templateVariables: Readonly<Record<string, unknown>>;
}

/** Throws PagodaError `invalid_request` for messages that the template refuses. */
export interface ChatTemplate {
  render(messages: readonly ChatMessage[], options: ChatTemplateOptions): string;
}
