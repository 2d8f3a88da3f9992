/** @module GET /v1/models and /v1/models/:id. */
import type { FastifyInstance } from "fastify";
import { modelCard, modelList } from "../../api/models.ts";
import { assertModelIsServed } from "../../api/parse-body.ts";
import type { ServedModels } from "../served-models.ts";

export function addModelRoutes(app: FastifyInstance, servedModels: ServedModels): void {
  app.get("/v1/models", async () => modelList(servedModels.require().model));
  // A model id may hold slashes: organisation/name.
  app.get<{ Params: { "*": string } }>("/v1/models/*", async (request) => {
    const { model } = servedModels.require();
    assertModelIsServed(request.params["*"], model);
    return modelCard(model);
  });
}
