/** @module POST /score, in vLLM's shape: how near the texts of pairs are. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationEvent, ServedModel } from "../../core/generation.ts";
import { neverStreamed } from "../embeddings/embeddings.ts";
import type { AnswerIdentity, BodyBuilder, GenerationExchange } from "../exchange.ts";
import type { EndpointFields } from "../fields/endpoint-fields.ts";
import { parseBody } from "../fields/parse-body.ts";
import { PairScores, refusedScoringFields, scoringRequests, scoringShape } from "./pair-scores.ts";
import { requirePairs, scoredTextsSchema, type TextPairs, textsOf } from "./scored-texts.ts";

const texts = scoredTextsSchema.nullish();

/** The names of both sides; the first is the usual one. */
const sides = [
  ["text_1", "text_2"],
  ["queries", "documents"],
  ["queries", "items"],
  ["data_1", "data_2"],
] as const;

export const scoreSchema = z
  .object({
    ...scoringShape,
    text_1: texts,
    text_2: texts,
    queries: texts,
    documents: texts,
    items: texts,
    data_1: texts,
    data_2: texts,
  })
  .meta({ anyOf: sides.map((names) => ({ required: [...names] })) });
type ScoreFields = z.infer<typeof scoreSchema>;

export const scoreFields: EndpointFields<typeof scoreSchema> = {
  schema: scoreSchema,
  // Others ask with it for texts in a prompt; here it is part of the protocol.
  ownFields: new Set(["documents"]),
  refused: refusedScoringFields,
};

/** Throws `invalid_request` that names the field that is wrong or that the model's engine cannot honor. */
export function parseScoreRequest(
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
): GenerationExchange {
  const { fields, unknownFields } = parseBody(body, scoreFields, model.features);
  const names = statedSides(fields);
  const [first, second] = names;
  const pairs = requirePairs(
    { first: textsOf(fields[first] ?? [], first), second: textsOf(fields[second] ?? [], second) },
    names,
  );
  return {
    requests: scoringRequests(pairs, fields, { requestId: identity.answerId, param: second }),
    streams: false,
    streamFormat: "events",
    unknownFields,
    newBody: () => new ScoreBodyBuilder(identity, pairs),
    newChunks: neverStreamed,
  };
}

/** Throws `invalid_request` where no side, one alone, or more than two are stated. */
function statedSides(fields: ScoreFields): (typeof sides)[number] {
  const stated = [...new Set(sides.flat())].filter((name) => (fields[name] ?? null) !== null);
  const found = sides.find((names) => stated.length === 2 && names.every((name) => stated.includes(name)));
  if (found !== undefined) return found;
  const wanted = sides.find((names) => names.some((name) => stated.includes(name))) ?? sides[0];
  const param = wanted.find((name) => !stated.includes(name)) ?? wanted[1];
  const message =
    stated.length < 2
      ? `'${param}' is missing.`
      : `${stated.map((name) => `'${name}'`).join(" and ")} are no pair.`;
  throw new PagodaError("invalid_request", message, {
    param,
    hint: "Send the texts as 'text_1' and 'text_2', or as 'queries' and 'documents'.",
  });
}

class ScoreBodyBuilder implements BodyBuilder {
  readonly #identity: AnswerIdentity;
  readonly #pairs: PairScores;

  constructor(identity: AnswerIdentity, pairs: TextPairs) {
    this.#identity = identity;
    this.#pairs = new PairScores(pairs);
  }

  push(promptIndex: number, event: GenerationEvent): void {
    this.#pairs.vectors.push(promptIndex, event);
  }

  *pieces(): Generator<string> {
    const { answerId: id, createdUnixSeconds: created, modelName: model } = this.#identity;
    const { numTokens } = this.#pairs.vectors;
    yield JSON.stringify({
      id,
      object: "list",
      created,
      model,
      data: [...this.#pairs.scores()].map((score, index) => ({ index, object: "score", score })),
      usage: { prompt_tokens: numTokens, total_tokens: numTokens, completion_tokens: 0 },
    });
  }
}
