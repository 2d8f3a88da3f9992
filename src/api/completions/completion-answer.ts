/** @module What a completion request asked to see in its answer. */
import type { Prompt } from "../../core/generation.ts";
import type { ShownAnswer } from "../fields/generation-fields.ts";

export interface CompletionAnswer extends ShownAnswer {
  readonly prompts: readonly Prompt[];
  readonly echoes: boolean;
  /** Choices of one prompt; choice index = promptIndex · numChoicesPerPrompt + sequence index. */
  readonly numChoicesPerPrompt: number;
}
