/** @module Ollama's protocol: POST /api/chat, /api/generate, /api/embed, /api/show; GET /api/tags, /api/ps, /api/version. */
import type { FastifyInstance } from "fastify";
import { parseOllamaChat, parseOllamaGenerate } from "../../api/ollama/ollama-chat.ts";
import { parseOllamaEmbed, parseOllamaEmbeddings } from "../../api/ollama/ollama-embed.ts";
import { ollamaErrorBody } from "../../api/ollama/ollama-error.ts";
import { ollamaRunning, ollamaShow, ollamaTags, parseShowRequest } from "../../api/ollama/ollama-models.ts";
import { exchangeAnswerer, type GenerationRouteParts } from "../answers/exchange-answer.ts";
import { bodyRouter } from "../models/body-router.ts";
import type { ServedModelEntry } from "../models/served-model-entry.ts";

/** Clients compare it with the version that brought what they need: of the protocol, not of this program. */
const protocolVersion = "0.13.0";

export function addOllamaRoutes(app: FastifyInstance, parts: GenerationRouteParts): void {
  const route = bodyRouter(parts);
  const { servedModels } = parts;
  const config = { errorShape: ollamaErrorBody, readsAnyTypeAsJson: true };
  app.post("/api/chat", { config }, route(exchangeAnswerer(parts, "ollama-", parseOllamaChat)));
  app.post("/api/generate", { config }, route(exchangeAnswerer(parts, "ollama-", parseOllamaGenerate)));
  app.post("/api/embed", { config }, route(exchangeAnswerer(parts, "ollama-", parseOllamaEmbed)));
  app.post("/api/embeddings", { config }, route(exchangeAnswerer(parts, "ollama-", parseOllamaEmbeddings)));
  app.post(
    "/api/show",
    { config },
    route(async (request, _reply, { service }) => {
      parts.unknownFields.note("/api/show", parseShowRequest(request.body, service.model));
      return ollamaShow(service.model);
    }),
  );
  app.get("/api/tags", { config }, async () => ollamaTags(servedModels.entries.map(listed)));
  app.get("/api/ps", { config }, async () => ollamaRunning(servedModels.entries.map(listed)));
  app.get("/api/version", { config }, async () => ({ version: protocolVersion }));
}

function listed({ listing, state, model, service }: ServedModelEntry) {
  return { names: listing.names, state, model, residentBytes: service?.memory().residentBytes ?? null };
}
