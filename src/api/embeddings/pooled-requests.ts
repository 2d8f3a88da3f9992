/** @module Requests that compute prompts for their hidden states alone, and their results by prompt. */
import { z } from "zod";
import { invariant, PagodaError } from "../../core/errors.ts";
import type { GenerationEvent, GenerationRequest, Pooling, Prompt } from "../../core/generation.ts";
import { defaultSamplingParams } from "../../core/sampling-params.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { cacheSaltSchema } from "../fields/generation-fields.ts";
import { toTruncation, truncationShape } from "../fields/truncation-fields.ts";

export const poolingSchema = z.enum(["mean", "last"]);

/** For texts that no model of embeddings was trained on, the mean says more than the last token. */
export const defaultPooling: Pooling = "mean";

/** The fields that /v1/embeddings, /score and /rerank share. */
export const pooledShape = {
  ...truncationShape,
  model: z.string().nullish(),
  /** Whether vectors have the length 1; the first is vLLM's name of today. */
  use_activation: z.boolean().nullish(),
  normalize: z.boolean().nullish(),
  add_special_tokens: z.boolean().nullish(),
  priority: z.number().int().nullish(),
  cache_salt: cacheSaltSchema,
  request_id: z.string().nullish(),
} as const;

/** Only models that were trained for it keep their meaning when vectors are cut. */
export const refusedVectorFields: NonNullable<EndpointFields["refused"]> = new Map([
  [
    "dimensions",
    {
      isHarmless: () => false,
      why: "asks to cut the vectors, and those of this model cannot be cut",
      instead: "Leave 'dimensions' out.",
    },
  ],
]);

const pooledSchema = z.object(pooledShape);

export type PooledOptions = Pick<GenerationRequest, "priority" | "cacheSalt" | "truncation">;

/** Throws `invalid_request` for a side of truncation without a number of tokens. */
export function toPooledOptions(fields: z.infer<typeof pooledSchema>): PooledOptions {
  return {
    priority: fields.priority ?? 0,
    cacheSalt: fields.cache_salt ?? null,
    truncation: toTruncation(fields, "right"),
  };
}

/** Each is a sequence of its own, and a vector that is kept until the answer. */
const mostPrompts = 2048;

const promptAlone = { ...defaultSamplingParams, maxTokens: 0 };

/** Throws `invalid_request` for more prompts than one request may have; `param` is the field that holds them. */
export function pooledRequests(
  prompts: readonly Prompt[],
  {
    requestId,
    pooling,
    param,
    ...options
  }: PooledOptions & {
    readonly requestId: string;
    readonly pooling: Pooling;
    readonly param: string;
  },
): readonly GenerationRequest[] {
  if (prompts.length > mostPrompts)
    throw new PagodaError(
      "invalid_request",
      `'${param}' has ${prompts.length} texts; one request may have at most ${mostPrompts}.`,
      { param, hint: "Send several requests." },
    );
  return prompts.map((prompt, i) => ({
    requestId: prompts.length === 1 ? requestId : `${requestId}-${i}`,
    prompt,
    sampling: promptAlone,
    pooling,
    ...options,
  }));
}

/** Vectors by prompt, and the tokens of all prompts. */
export class PooledVectors {
  readonly #vectors: Float32Array[] = [];
  numTokens = 0;

  push(promptIndex: number, event: GenerationEvent): void {
    if (event.type !== "prompt") return;
    invariant(event.pooled !== undefined, () => `prompt ${promptIndex} brought no hidden states`);
    this.#vectors[promptIndex] = event.pooled;
    this.numTokens += event.promptTokenIds.length;
  }

  at(promptIndex: number): Float32Array {
    const vector = this.#vectors[promptIndex];
    invariant(vector !== undefined, () => `prompt ${promptIndex} has not been computed`);
    return vector;
  }

  get numVectors(): number {
    return this.#vectors.length;
  }
}
