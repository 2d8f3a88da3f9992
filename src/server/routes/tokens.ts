/** @module POST /tokenize and /detokenize. */
import type { FastifyInstance } from "fastify";
import { detokenizeResponse, parseDetokenizeRequest } from "../../api/tokens/detokenize.ts";
import { parseTokenizeRequest, tokenizeResponse } from "../../api/tokens/tokenize.ts";
import { PagodaError } from "../../core/errors.ts";
import type { RunningRequests } from "../running-requests.ts";
import type { ServedModels } from "../served-models.ts";
import { UnknownFieldLog } from "../unknown-field-log.ts";

export interface TokenRouteParts {
  readonly servedModels: ServedModels;
  readonly running: RunningRequests;
}

export function addTokenRoutes(app: FastifyInstance, { servedModels, running }: TokenRouteParts): void {
  const unknownFields = new UnknownFieldLog(app.log);
  app.post("/tokenize", async (request, reply) => {
    const service = servedModels.require();
    const asked = parseTokenizeRequest(request.body, service.model);
    unknownFields.note("/tokenize", asked.unknownFields);
    // A long text takes a while, and its client may leave.
    const answer = await tokenizeResponse(asked, service, running.begin(reply.raw));
    if (answer !== null) return answer;
    throw new PagodaError("not_ready", "the request was ended before its answer was complete");
  });
  app.post("/detokenize", async (request) => {
    const service = servedModels.require();
    const asked = parseDetokenizeRequest(request.body, service.model);
    unknownFields.note("/detokenize", asked.unknownFields);
    return detokenizeResponse(asked.tokenIds, service);
  });
}
