/** @module POST /v1/embeddings: wire types, parser, and the builder of the answer. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { ServedModel } from "../../core/generation.ts";
import { promptSchema, toPrompts } from "../completions/prompt-field.ts";
import type { AnswerIdentity, BodyBuilder, GenerationExchange } from "../exchange.ts";
import { parseBody } from "../fields/parse-body.ts";
import { defaultPooling, PooledVectors, pooledRequests, poolingSchema } from "./pooled-requests.ts";
import { normalized, vectorBase64, vectorJson } from "./pooled-vector.ts";

export const embeddingsSchema = z.object({
  model: z.string().nullish(),
  input: promptSchema,
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.number().int().min(1).nullish(),
  pooling: poolingSchema.nullish(),
  /** vLLM's name; whether vectors have the length 1. */
  normalize: z.boolean().nullish(),
  add_special_tokens: z.boolean().nullish(),
  priority: z.number().int().nullish(),
  request_id: z.string().nullish(),
});

/** Throws `invalid_request` that names the field that is wrong or that the model's engine cannot honour. */
export function parseEmbeddingsRequest(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(body, embeddingsSchema, model.features);
  refuseDimensions(fields.dimensions ?? null);
  const prompts = toPrompts(fields.input, fields.add_special_tokens ?? true);
  const shown: ShownVectors = {
    identity,
    asBase64: fields.encoding_format === "base64",
    normalizes: fields.normalize ?? true,
  };
  return {
    requests: pooledRequests(prompts, {
      requestId: identity.answerId,
      pooling: fields.pooling ?? defaultPooling,
      priority: fields.priority ?? 0,
      param: "input",
    }),
    streams: false,
    streamFormat: "events",
    unknownFields,
    newBody: () => new EmbeddingsBodyBuilder(shown),
    newChunks: neverStreamed,
  };
}

/** Only models that were trained for it keep their meaning when vectors are cut. */
export function refuseDimensions(dimensions: number | null): void {
  if (dimensions === null) return;
  throw new PagodaError("invalid_request", "This model's vectors cannot be cut to 'dimensions'.", {
    param: "dimensions",
    hint: "Leave 'dimensions' out.",
  });
}

/** For `newChunks` of exchanges that are not streamed. */
export function neverStreamed(): never {
  throw new TypeError("this answer is not streamed");
}

interface ShownVectors {
  readonly identity: AnswerIdentity;
  readonly asBase64: boolean;
  readonly normalizes: boolean;
}

class EmbeddingsBodyBuilder implements BodyBuilder {
  readonly #shown: ShownVectors;
  readonly #vectors = new PooledVectors();

  constructor(shown: ShownVectors) {
    this.#shown = shown;
  }

  push(...event: Parameters<PooledVectors["push"]>): void {
    this.#vectors.push(...event);
  }

  *pieces(): Generator<string> {
    const { identity, asBase64, normalizes } = this.#shown;
    const { numTokens, numVectors } = this.#vectors;
    yield '{"object":"list","data":[';
    for (let i = 0; i < numVectors; i++) {
      const pooled = this.#vectors.at(i);
      const vector = normalizes ? normalized(pooled) : pooled;
      const json = asBase64 ? JSON.stringify(vectorBase64(vector)) : vectorJson(vector);
      yield `${i === 0 ? "" : ","}{"object":"embedding","index":${i},"embedding":${json}}`;
    }
    const usage = { prompt_tokens: numTokens, total_tokens: numTokens };
    yield `],"model":${JSON.stringify(identity.modelName)},"usage":${JSON.stringify(usage)}}`;
  }
}
