/** @module The scores of pairs of texts: how near their pooled hidden states are. */
import { z } from "zod";
import type { GenerationRequest, Prompt, PromptTruncation } from "../../core/generation.ts";
import {
  defaultPooling,
  PooledVectors,
  pooledRequests,
  pooledShape,
  poolingSchema,
  toPooledOptions,
} from "../embeddings/pooled-requests.ts";
import type { EndpointFields, RefusedField } from "../fields/endpoint-fields.ts";
import type { TextPairs } from "./scored-texts.ts";

const mostTokens = z.number().int().nonnegative().nullish();

/** The fields that /score and /rerank share. */
export const scoringShape = {
  ...pooledShape,
  pooling: poolingSchema.nullish(),
  /** 0: not cut. */
  max_tokens_per_query: mostTokens,
  max_tokens_per_doc: mostTokens,
} as const;

const scoringSchema = z.object(scoringShape);
export type ScoringFields = z.infer<typeof scoringSchema>;

const noTemplate: Omit<RefusedField, "instead"> = {
  isHarmless: (value) => typeof value === "object" && value !== null && Object.keys(value).length === 0,
  why: "is for models that were trained to judge pairs, and the texts of a pair are read one by one here",
};

export const refusedScoringFields: NonNullable<EndpointFields["refused"]> = new Map<string, RefusedField>([
  ["instruction", { ...noTemplate, instead: "Write the instruction in front of the texts." }],
  ["chat_template_kwargs", { ...noTemplate, instead: "Leave 'chat_template_kwargs' out." }],
]);

/** One for each text: those of the first side, then those of the second. */
export function scoringRequests(
  { first, second }: TextPairs,
  fields: ScoringFields,
  { requestId, param }: { readonly requestId: string; readonly param: string },
): readonly GenerationRequest[] {
  const { truncation = null, ...options } = toPooledOptions(fields);
  const requests = pooledRequests([...first, ...second].map(promptOf(fields)), {
    ...options,
    requestId,
    pooling: fields.pooling ?? defaultPooling,
    param,
  });
  return requests.map((request, i) => ({
    ...request,
    truncation: shorter(
      truncation,
      (i < first.length ? fields.max_tokens_per_query : fields.max_tokens_per_doc) ?? 0,
    ),
  }));
}

function promptOf({ add_special_tokens: addSpecialTokens }: ScoringFields): (text: string) => Prompt {
  return (text) => ({ kind: "text", text, addSpecialTokens: addSpecialTokens ?? true });
}

function shorter(truncation: PromptTruncation | null, ofSide: number): PromptTruncation | null {
  if (ofSide === 0) return truncation;
  if (truncation === null) return { mostTokens: ofSide, side: "right" };
  return { ...truncation, mostTokens: Math.min(truncation.mostTokens ?? ofSide, ofSide) };
}

/** Collects the vectors of the texts. */
export class PairScores {
  readonly vectors = new PooledVectors();
  readonly #pairs: TextPairs;

  constructor(pairs: TextPairs) {
    this.#pairs = pairs;
  }

  /** The cosine of each pair's vectors, in the order of the second side; call once every text is computed. */
  *scores(): Generator<number> {
    const { first, second } = this.#pairs;
    for (let i = 0; i < second.length; i++)
      yield cosine(this.vectors.at(first.length === 1 ? 0 : i), this.vectors.at(first.length + i));
  }
}

/** 0 where one of the vectors has no length. */
function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let squaresOfA = 0;
  let squaresOfB = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    dot += x * y;
    squaresOfA += x * x;
    squaresOfB += y * y;
  }
  const lengths = Math.sqrt(squaresOfA) * Math.sqrt(squaresOfB);
  return lengths === 0 ? 0 : Math.max(-1, Math.min(1, dot / lengths));
}
