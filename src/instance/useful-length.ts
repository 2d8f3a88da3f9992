/** @module The shortest sequence with which a model is of use. */
import { PagodaError } from "../core/errors.ts";
import type { ModelFiles } from "../model/model-files.ts";

/** Tokens of a short question and its answer, beside what the chat template adds. */
export const shortChatTokens = 256;

/** The chat template around one empty message, and a short question and answer. Tokens. */
export function leastUsefulLength(files: Pick<ModelFiles, "chatTemplate" | "tokenizer">): number {
  return templateTokens(files) + shortChatTokens;
}

/** 0 for a model without a template, and for a template that refuses even one plain message. */
function templateTokens({ chatTemplate, tokenizer }: Pick<ModelFiles, "chatTemplate" | "tokenizer">): number {
  if (chatTemplate === null) return 0;
  try {
    const text = chatTemplate.render({
      messages: [{ role: "user", content: "" }],
      tools: null,
      addGenerationPrompt: true,
      continueFinalMessage: false,
      templateVariables: {},
    });
    return tokenizer.encode(text, { addSpecialTokens: false }).length;
  } catch (thrown) {
    if (thrown instanceof PagodaError) return 0;
    throw thrown;
  }
}
