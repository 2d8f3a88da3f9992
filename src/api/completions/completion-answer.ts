/** @module What a completion request asked to see in its answer. */
import type { Prompt } from "../../core/generation.ts";
import type { AnswerIdentity } from "../exchange.ts";
import type { UsageShown } from "../usage.ts";

/** What the answer of one completion request must show, and under which names. */
export interface CompletionAnswer extends AnswerIdentity, UsageShown {
  readonly modelId: string;
  readonly prompts: readonly Prompt[];
  readonly echoes: boolean;
  readonly tokensAsIds: boolean;
  readonly showsTokenIds: boolean;
  readonly showsLogprobs: boolean;
  readonly showsPromptLogprobs: boolean;
  /** Choices of one prompt; choice index = promptIndex · numChoicesPerPrompt + sequence index. */
  readonly numChoicesPerPrompt: number;
}
