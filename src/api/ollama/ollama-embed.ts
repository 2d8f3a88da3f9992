/** @module POST /api/embed and the older /api/embeddings (Ollama's protocol). */
import { z } from "zod";
import type { Prompt, ServedModel } from "../../core/generation.ts";
import { neverStreamed } from "../embeddings/embeddings.ts";
import {
  defaultPooling,
  PooledVectors,
  pooledRequests,
  refusedVectorFields,
} from "../embeddings/pooled-requests.ts";
import { normalized, vectorJson } from "../embeddings/pooled-vector.ts";
import type { AnswerIdentity, BodyBuilder, GenerationExchange } from "../exchange.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { parseBody } from "../fields/parse-body.ts";
import { durationOfMs, keepAliveSchema, withOptionsAsFields } from "./ollama-options.ts";

export const embedSchema = z.object({
  model: z.string().nullish(),
  input: z
    .union([z.string(), z.array(z.string())], { error: "must be a text or an array of texts" })
    .nullish(),
  /** Only what to do with texts that are too long, which are refused. */
  truncate: z.boolean().nullish(),
  keep_alive: keepAliveSchema,
  num_ctx: z.number().int().min(1).nullish(),
});

export const ollamaEmbeddingsSchema = z.object({
  model: z.string().nullish(),
  prompt: z.string(),
  keep_alive: keepAliveSchema,
  num_ctx: z.number().int().min(1).nullish(),
});

const ownFields: ReadonlySet<string> = new Set(["truncate", "num_ctx"]);
export const embedFields: EndpointFields<typeof embedSchema> = {
  schema: embedSchema,
  ownFields,
  refused: refusedVectorFields,
};
export const ollamaEmbeddingsFields: EndpointFields<typeof ollamaEmbeddingsSchema> = {
  schema: ollamaEmbeddingsSchema,
  ownFields,
};

const textPrompt = (text: string): Prompt => ({ kind: "text", text, addSpecialTokens: true });

/** Throws `invalid_request` that names the field that is wrong or that the model's engine cannot honour. */
export function parseOllamaEmbed(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(withOptionsAsFields(body), embedFields, model.features);
  const texts = typeof fields.input === "string" ? [fields.input] : (fields.input ?? []);
  const modelName = fields.model ?? identity.modelName;
  return exchangeOf(texts, identity, unknownFields, () => new EmbedBodyBuilder(modelName));
}

/** One text and its vector as it is, not normalized. Throws as `parseOllamaEmbed` does. */
export function parseOllamaEmbeddings(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(
    withOptionsAsFields(body),
    ollamaEmbeddingsFields,
    model.features,
  );
  return exchangeOf([fields.prompt], identity, unknownFields, () => new SingleVectorBuilder());
}

function exchangeOf(
  texts: readonly string[],
  { answerId }: AnswerIdentity,
  unknownFields: readonly string[],
  newBody: () => BodyBuilder,
): GenerationExchange {
  return {
    requests: pooledRequests(texts.map(textPrompt), {
      requestId: answerId,
      pooling: defaultPooling,
      priority: 0,
      param: "input",
    }),
    streams: false,
    streamFormat: "lines",
    unknownFields,
    newBody,
    newChunks: neverStreamed,
  };
}

class EmbedBodyBuilder implements BodyBuilder {
  readonly #modelName: string;
  readonly #vectors = new PooledVectors();
  readonly #startMs = performance.now();

  constructor(modelName: string) {
    this.#modelName = modelName;
  }

  push(...event: Parameters<PooledVectors["push"]>): void {
    this.#vectors.push(...event);
  }

  *pieces(): Generator<string> {
    const { numTokens, numVectors } = this.#vectors;
    yield `{"model":${JSON.stringify(this.#modelName)},"embeddings":[`;
    for (let i = 0; i < numVectors; i++)
      yield `${i === 0 ? "" : ","}${vectorJson(normalized(this.#vectors.at(i)))}`;
    const durations = {
      total_duration: durationOfMs(performance.now() - this.#startMs),
      load_duration: 0,
      prompt_eval_count: numTokens,
    };
    yield `],${JSON.stringify(durations).slice(1)}`;
  }
}

class SingleVectorBuilder implements BodyBuilder {
  readonly #vectors = new PooledVectors();

  push(...event: Parameters<PooledVectors["push"]>): void {
    this.#vectors.push(...event);
  }

  *pieces(): Generator<string> {
    yield `{"embedding":${vectorJson(this.#vectors.at(0))}}`;
  }
}
