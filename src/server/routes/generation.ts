/** @module POST /v1/chat/completions, /v1/completions, /v1/responses and /v1/embeddings. */
import type { FastifyInstance } from "fastify";
import { parseChatRequest } from "../../api/chat/chat-completions.ts";
import { parseCompletionRequest } from "../../api/completions/completions.ts";
import { parseEmbeddingsRequest } from "../../api/embeddings/embeddings.ts";
import { parseResponsesRequest } from "../../api/responses/responses.ts";
import { exchangeAnswerer, type GenerationRouteParts } from "../answers/exchange-answer.ts";
import { bodyRouter } from "../models/body-router.ts";

export function addGenerationRoutes(app: FastifyInstance, parts: GenerationRouteParts): void {
  const route = bodyRouter(parts);
  app.post("/v1/chat/completions", route(exchangeAnswerer(parts, "chatcmpl-", parseChatRequest)));
  app.post("/v1/completions", route(exchangeAnswerer(parts, "cmpl-", parseCompletionRequest)));
  app.post("/v1/responses", route(exchangeAnswerer(parts, "resp_", parseResponsesRequest)));
  app.post("/v1/embeddings", route(exchangeAnswerer(parts, "embd-", parseEmbeddingsRequest)));
}
