/** @module POST /score and /rerank, also under the older paths that clients know. */
import type { FastifyInstance } from "fastify";
import { parseRerankRequest } from "../../api/scores/reranks.ts";
import { parseScoreRequest } from "../../api/scores/scores.ts";
import { exchangeAnswerer, type GenerationRouteParts } from "../answers/exchange-answer.ts";
import { bodyRouter } from "../models/body-router.ts";

export function addScoreRoutes(app: FastifyInstance, parts: GenerationRouteParts): void {
  const route = bodyRouter(parts);
  for (const path of ["/score", "/v1/score"])
    app.post(path, route(exchangeAnswerer(parts, "score-", parseScoreRequest)));
  for (const path of ["/rerank", "/v1/rerank", "/v2/rerank"])
    app.post(path, route(exchangeAnswerer(parts, "score-", parseRerankRequest)));
}
