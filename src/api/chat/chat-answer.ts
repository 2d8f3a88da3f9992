/** @module What a chat request asked to see in its answer. */
import type { AnswerSyntax } from "../answer/answer-reader.ts";
import type { ShownAnswer } from "../fields/generation-fields.ts";

export interface ChatAnswer extends ShownAnswer {
  readonly numChoices: number;
  /** null: the answer is all text. */
  readonly syntax: AnswerSyntax | null;
  /** Whether the client wants to see the reasoning. */
  readonly showsReasoning: boolean;
}
