/** @module The prompt that opens an echoed completion: its text and, where asked for, its log-probabilities. */
import type { Prompt } from "../core/generation.ts";
import type { CompletionAnswer } from "./completion-answer.ts";
import type { PromptEvent, TokenText } from "./exchange.ts";
import { type CompletionLogprobs, CompletionLogprobsBuilder } from "./logprobs.ts";

export interface EchoedPrompt {
  readonly text: string;
  readonly logprobs: CompletionLogprobs | null;
  /** Continues the offsets of the echoed text, for the choice's output tokens. */
  readonly following: CompletionLogprobsBuilder;
}

/** What a choice begins with: nothing, or with `echo` the prompt. */
export function openingOfChoice(
  answer: CompletionAnswer,
  tokens: TokenText,
  promptIndex: number,
  event: PromptEvent,
): EchoedPrompt {
  const following = new CompletionLogprobsBuilder({ tokens, asTokenIds: answer.tokensAsIds });
  if (!answer.echoes) return { text: "", logprobs: null, following };
  const logprobs =
    answer.showsLogprobs && event.promptLogprobs !== null
      ? following.take(event.promptTokenIds, event.promptLogprobs)
      : null;
  return { text: promptText(answer.prompts[promptIndex], tokens, event), logprobs, following };
}

function promptText(prompt: Prompt | undefined, tokens: TokenText, event: PromptEvent): string {
  if (prompt?.kind === "text") return prompt.text;
  return tokens.detokenize(event.promptTokenIds, { skipSpecialTokens: false });
}
