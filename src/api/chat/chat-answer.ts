/** @module What a chat request asked to see in its answer. */
import type { ShownAnswer } from "../fields/generation-fields.ts";

export interface ChatAnswer extends ShownAnswer {
  readonly numChoices: number;
}
