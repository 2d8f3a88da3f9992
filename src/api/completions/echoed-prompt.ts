/** @module The prompt that opens an echoed completion. */

import type { PromptEvent, TokenText } from "../exchange.ts";
import type { CompletionAnswer } from "./completion-answer.ts";

/** What a choice's text begins with: nothing, or with `echo` the prompt, as it was sent or read back from its tokens. */
export function echoedText(
  answer: CompletionAnswer,
  tokens: TokenText,
  promptIndex: number,
  event: PromptEvent,
): string {
  if (!answer.echoes) return "";
  const prompt = answer.prompts[promptIndex];
  if (prompt?.kind === "text") return prompt.text;
  return tokens.detokenize(event.promptTokenIds, { skipSpecialTokens: false });
}
