/** @module POST /rerank, in the shape of vLLM, Jina and Cohere: documents by how near they are to a query. */
import { z } from "zod";
import type { GenerationEvent, ServedModel } from "../../core/generation.ts";
import { neverStreamed } from "../embeddings/embeddings.ts";
import type { AnswerIdentity, BodyBuilder, GenerationExchange } from "../exchange.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { parseBody } from "../fields/parse-body.ts";
import { PairScores, refusedScoringFields, scoringRequests, scoringShape } from "./pair-scores.ts";
import { scoredTextSchema, scoredTextsSchema, type TextPairs, textOf, textsOf } from "./scored-texts.ts";

export const rerankSchema = z.object({
  ...scoringShape,
  query: scoredTextSchema,
  documents: scoredTextsSchema,
  /** 0: all. */
  top_n: z.number().int().nonnegative().nullish(),
  /** vLLM always returns them. */
  return_documents: z.boolean().nullish(),
});

export const rerankFields: EndpointFields<typeof rerankSchema> = {
  schema: rerankSchema,
  // Others ask with it for texts in a prompt; here it is part of the protocol.
  ownFields: new Set(["documents"]),
  refused: refusedScoringFields,
};

/** Throws `invalid_request` that names the field that is wrong or that the model's engine cannot honor. */
export function parseRerankRequest(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(body, rerankFields, model.features);
  const pairs = {
    first: [textOf(fields.query, "query")],
    second: textsOf(fields.documents, "documents"),
  };
  const shown: ShownRanks = {
    identity,
    mostResults: (fields.top_n ?? 0) === 0 ? pairs.second.length : (fields.top_n ?? 0),
    showsDocuments: fields.return_documents ?? true,
  };
  return {
    requests: scoringRequests(pairs, fields, { requestId: identity.answerId, param: "documents" }),
    streams: false,
    streamFormat: "events",
    unknownFields,
    newBody: () => new RerankBodyBuilder(shown, pairs),
    newChunks: neverStreamed,
  };
}

interface ShownRanks {
  readonly identity: AnswerIdentity;
  readonly mostResults: number;
  readonly showsDocuments: boolean;
}

class RerankBodyBuilder implements BodyBuilder {
  readonly #shown: ShownRanks;
  readonly #pairs: PairScores;
  readonly #documents: readonly string[];

  constructor(shown: ShownRanks, pairs: TextPairs) {
    this.#shown = shown;
    this.#pairs = new PairScores(pairs);
    this.#documents = pairs.second;
  }

  push(promptIndex: number, event: GenerationEvent): void {
    this.#pairs.vectors.push(promptIndex, event);
  }

  *pieces(): Generator<string> {
    const { identity, mostResults, showsDocuments } = this.#shown;
    const { numTokens } = this.#pairs.vectors;
    const ranked = [...this.#pairs.scores()]
      .map((score, index) => ({ index, score }))
      // Equal scores stay in the order of the documents.
      .sort((a, b) => b.score - a.score);
    yield JSON.stringify({
      id: identity.answerId,
      model: identity.modelName,
      usage: { prompt_tokens: numTokens, total_tokens: numTokens },
      results: ranked.slice(0, mostResults).map(({ index, score }) => ({
        index,
        ...(showsDocuments ? { document: { text: this.#documents[index], multi_modal: null } } : {}),
        relevance_score: score,
      })),
    });
  }
}
