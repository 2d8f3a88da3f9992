/** @module What a chat request asked to see in its answer. */
import type { AnswerIdentity } from "../exchange.ts";
import type { UsageShown } from "../usage.ts";

/** What the answer of one chat request must show, and under which names. */
export interface ChatAnswer extends AnswerIdentity, UsageShown {
  readonly modelId: string;
  readonly tokensAsIds: boolean;
  readonly showsTokenIds: boolean;
  readonly showsLogprobs: boolean;
  readonly showsPromptLogprobs: boolean;
  readonly numChoices: number;
}
