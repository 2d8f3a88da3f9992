/** @module POST /v1/embeddings: wire types, parser, and the builder of the answer. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { Prompt, ServedModel } from "../../core/generation.ts";
import { messagesSchema } from "../chat/chat-messages.ts";
import { chatPromptShape, toChatPrompt } from "../chat/chat-prompt.ts";
import { promptSchema, toPrompts } from "../completions/prompt-field.ts";
import type { AnswerIdentity, BodyBuilder, GenerationExchange } from "../exchange.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { parseBody } from "../fields/parse-body.ts";
import {
  defaultPooling,
  PooledVectors,
  pooledRequests,
  pooledShape,
  poolingSchema,
  refusedVectorFields,
  toPooledOptions,
} from "./pooled-requests.ts";
import { normalized, vectorBase64, vectorJson } from "./pooled-vector.ts";

const { tools: _, ...conversationShape } = chatPromptShape;

export const embeddingsSchema = z
  .object({
    ...pooledShape,
    ...conversationShape,
    input: promptSchema.nullish(),
    messages: messagesSchema.nullish(),
    encoding_format: z.enum(["float", "base64"]).nullish(),
    embed_dtype: z.literal("float32", { error: 'must be "float32"' }).nullish(),
    endianness: z.enum(["native", "little"], { error: 'must be "native" or "little"' }).nullish(),
    pooling: poolingSchema.nullish(),
  })
  .meta({ anyOf: [{ required: ["input"] }, { required: ["messages"] }] });
type EmbeddingsFields = z.infer<typeof embeddingsSchema>;

export const embeddingsFields: EndpointFields<typeof embeddingsSchema> = {
  schema: embeddingsSchema,
  refused: refusedVectorFields,
};

/** Throws `invalid_request` that names the field that is wrong or that the model's engine cannot honor. */
export function parseEmbeddingsRequest(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(body, embeddingsFields, model.features);
  const shown: ShownVectors = {
    identity,
    asBase64: fields.encoding_format === "base64",
    normalizes: fields.use_activation ?? fields.normalize ?? true,
  };
  return {
    requests: pooledRequests(embeddedPrompts(fields), {
      ...toPooledOptions(fields),
      requestId: identity.answerId,
      pooling: fields.pooling ?? defaultPooling,
      param: "input",
    }),
    streams: false,
    streamFormat: "events",
    unknownFields,
    newBody: () => new EmbeddingsBodyBuilder(shown),
    newChunks: neverStreamed,
  };
}

/** The texts of `input`, or the conversation of `messages` as its template writes it. */
function embeddedPrompts(fields: EmbeddingsFields): readonly Prompt[] {
  const { input = null, messages = null } = fields;
  if (input !== null && messages === null) return toPrompts(input, fields.add_special_tokens ?? true);
  if (messages === null || input !== null)
    throw new PagodaError("invalid_request", "The request must hold either 'input' or 'messages'.", {
      param: "input",
      hint: "Send one of the two.",
    });
  if (fields.add_special_tokens ?? false)
    throw new PagodaError("invalid_request", "'add_special_tokens' must be false with 'messages'.", {
      param: "add_special_tokens",
      hint: "The chat template writes the special tokens itself.",
    });
  // As on vLLM: a text to embed has no answer to begin.
  return [
    toChatPrompt(messages, { ...fields, add_generation_prompt: fields.add_generation_prompt ?? false }),
  ];
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
