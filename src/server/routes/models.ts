/** @module GET /v1/models and /v1/models/:id: every served model with its state. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { messageModel, messageModelPage } from "../../api/messages/message-models.ts";
import { type ListedModel, modelCard, modelList } from "../../api/models.ts";
import type { ServedModelEntry } from "../models/served-model-entry.ts";
import type { ServedModels } from "../models/served-models.ts";

export function addModelRoutes(app: FastifyInstance, servedModels: ServedModels): void {
  app.get("/v1/models", async (request) => {
    const list = modelList(servedModels.entries.map(listed));
    return wantsMessageModels(request) ? messageModelPage(list) : list;
  });
  // A model id may hold slashes: organisation/name.
  app.get<{ Params: { "*": string } }>("/v1/models/*", async (request) => {
    const name = request.params["*"];
    const entry = servedModels.find(name);
    const card = modelCard(entry.listing.names.includes(name) ? name : entry.name, listed(entry));
    return wantsMessageModels(request) ? messageModel(card) : card;
  });
}

function listed({ listing, state, model }: ServedModelEntry): ListedModel {
  return { names: listing.names, state, model };
}

/** Both protocols have this path; clients of Anthropic's state its version. */
function wantsMessageModels({ headers }: FastifyRequest): boolean {
  return headers["anthropic-version"] !== undefined;
}
