/** @module POST /detokenize, in vLLM's shape: token ids to text. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationService, ServedModel } from "../../core/generation.ts";
import { isTokenIds } from "../completions/prompt-field.ts";
import { parseBody } from "../fields/parse-body.ts";

/** What is turned into text at once, a tenth of a second of it; a prompt has fewer by far. */
const mostTokens = 131_072;

export const detokenizeSchema = z.object({
  model: z.string().nullish(),
  // Checked by hand, as a prompt is: no copy, and one complaint for all that is wrong.
  tokens: z
    .custom<readonly number[]>((value) => Array.isArray(value) && isTokenIds(value), {
      error: "must be an array of token ids",
    })
    .meta({ type: "array", items: { type: "integer", minimum: 0 } }),
});

export interface DetokenizeRequest {
  readonly tokenIds: readonly number[];
  /** Unknown to this endpoint: ignored, and logged. */
  readonly unknownFields: readonly string[];
}

export interface DetokenizeResponse {
  readonly prompt: string;
}

export function parseDetokenizeRequest(body: unknown, model: ServedModel): DetokenizeRequest {
  const { fields, unknownFields } = parseBody(body, { schema: detokenizeSchema }, model.features);
  const { tokens } = fields;
  if (tokens.length > mostTokens)
    throw new PagodaError(
      "invalid_request",
      `'tokens' holds ${tokens.length} token ids; the most this server takes is ${mostTokens}.`,
      {
        param: "tokens",
        hint: `Send at most ${mostTokens} at once.`,
      },
    );
  return { tokenIds: tokens, unknownFields };
}

/** Special tokens are written out: the text is what the ids say, not what a chat would show. */
export function detokenizeResponse(
  tokenIds: readonly number[],
  service: GenerationService,
): DetokenizeResponse {
  return { prompt: service.detokenize(tokenIds, { skipSpecialTokens: false }) };
}
