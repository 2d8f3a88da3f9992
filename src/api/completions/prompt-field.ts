/** @module The `prompt` of a text completion: a text or token ids, one or several. */
import { z } from "zod";
import type { Prompt } from "../../core/generation.ts";

type PromptField = string | readonly string[] | readonly number[] | readonly (readonly number[])[];

/**
 * Checked by hand: a prompt may be a million numbers. A schema would copy them, and collect a million complaints for each
 * alternative that does not match.
 */
export const promptSchema = z
  .custom<PromptField>(isPromptField, {
    error: "must be a text, an array of texts, an array of token ids, or an array of arrays of token ids",
  })
  .meta({ anyOf: [{ type: "string" }, { type: "array", minItems: 1 }] });

/** One prompt for each text or list of ids. */
export function toPrompts(prompt: PromptField, addSpecialTokens: boolean): readonly Prompt[] {
  const ofText = (text: string): Prompt => ({ kind: "text", text, addSpecialTokens });
  if (typeof prompt === "string") return [ofText(prompt)];
  if (isTokenIds(prompt)) return [{ kind: "tokens", tokenIds: prompt }];
  return prompt.map((item) => (typeof item === "string" ? ofText(item) : { kind: "tokens", tokenIds: item }));
}

function isPromptField(value: unknown): boolean {
  if (typeof value === "string") return true;
  if (!Array.isArray(value) || value.length === 0) return false;
  if (typeof value[0] === "string") return value.every((item) => typeof item === "string");
  if (typeof value[0] === "number") return isTokenIds(value);
  return value.every((item) => Array.isArray(item) && item.length > 0 && isTokenIds(item));
}

export function isTokenIds(value: readonly unknown[]): value is readonly number[] {
  return value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}
