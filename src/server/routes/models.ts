/** @module GET /v1/models and /v1/models/:id: every served model with its state. */
import type { FastifyInstance } from "fastify";
import { type ListedModel, modelCard, modelList } from "../../api/models.ts";
import type { ServedModelEntry } from "../models/served-model-entry.ts";
import type { ServedModels } from "../models/served-models.ts";

export function addModelRoutes(app: FastifyInstance, servedModels: ServedModels): void {
  app.get("/v1/models", async () => modelList(servedModels.entries.map(listed)));
  // A model id may hold slashes: organisation/name.
  app.get<{ Params: { "*": string } }>("/v1/models/*", async (request) => {
    const name = request.params["*"];
    const entry = servedModels.find(name);
    return modelCard(entry.listing.names.includes(name) ? name : entry.name, listed(entry));
  });
}

function listed({ listing, state, model }: ServedModelEntry): ListedModel {
  return { names: listing.names, state, model };
}
