/** @module POST /tokenize and /detokenize. */
import type { FastifyInstance } from "fastify";
import { detokenizeResponse, parseDetokenizeRequest } from "../../api/detokenize.ts";
import { parseTokenizeRequest, tokenizeResponse } from "../../api/tokenize.ts";
import type { ServiceSlot } from "../service-slot.ts";

export function addTokenRoutes(app: FastifyInstance, slot: ServiceSlot): void {
  app.post("/tokenize", async (request) => {
    const service = slot.require();
    return tokenizeResponse(parseTokenizeRequest(request.body, service.model), service);
  });
  app.post("/detokenize", async (request) => {
    const service = slot.require();
    return detokenizeResponse(parseDetokenizeRequest(request.body, service.model), service);
  });
}
