/** @module POST /detokenize, in vLLM's shape: token ids to text. */
import { z } from "zod";
import type { GenerationService, ServedModel } from "../core/generation.ts";
import { assertModelIsServed, parseBody } from "./parse-body.ts";

const schema = z.object({
  model: z.string().nullish(),
  tokens: z.array(z.number().int().nonnegative()),
});

export interface DetokenizeResponse {
  readonly prompt: string;
}

export function parseDetokenizeRequest(body: unknown, model: ServedModel): readonly number[] {
  const { fields } = parseBody(body, { schema, unsupported: {}, withoutEffect: new Set() });
  assertModelIsServed(fields.model, model);
  return fields.tokens;
}

/** Special tokens are written out: the text is what the ids say, not what a chat would show. */
export function detokenizeResponse(
  tokenIds: readonly number[],
  service: GenerationService,
): DetokenizeResponse {
  return { prompt: service.detokenize(tokenIds, { skipSpecialTokens: false }) };
}
