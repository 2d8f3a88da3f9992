/** @module vLLM's fields that cut a prompt which is too long. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { PromptTruncation } from "../../core/generation.ts";

export const truncationShape = {
  /** -1: as many as there is room for. */
  truncate_prompt_tokens: z
    .number()
    .int()
    .refine((tokens) => tokens === -1 || tokens >= 1, "must be -1 or at least 1")
    .nullish(),
  truncation_side: z.enum(["left", "right"]).nullish(),
} as const;

const truncationSchema = z.object(truncationShape);

/** null: a prompt that is too long is refused. Throws `invalid_request` for a side without a number of tokens. */
export function toTruncation(
  { truncate_prompt_tokens: tokens, truncation_side: side }: z.infer<typeof truncationSchema>,
  defaultSide: PromptTruncation["side"],
): PromptTruncation | null {
  if (tokens !== null && tokens !== undefined)
    return { mostTokens: tokens === -1 ? null : tokens, side: side ?? defaultSide };
  if (side === null || side === undefined) return null;
  throw new PagodaError(
    "invalid_request",
    "'truncation_side' has a meaning only with 'truncate_prompt_tokens'.",
    {
      param: "truncation_side",
      hint: "Send 'truncate_prompt_tokens' too, or leave 'truncation_side' out.",
    },
  );
}
