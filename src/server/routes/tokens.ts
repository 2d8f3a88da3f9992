/** @module POST /tokenize and /detokenize, GET /tokenizer_info. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { detokenizeResponse, parseDetokenizeRequest } from "../../api/tokens/detokenize.ts";
import { parseTokenizeRequest, tokenizeResponse } from "../../api/tokens/tokenize.ts";
import { tokenizerInfo } from "../../api/tokens/tokenizer-info.ts";
import type { GenerationService } from "../../core/generation.ts";
import { type BodyRouter, type BodyRouterParts, bodyRouter } from "../models/body-router.ts";
import { endedEarly, type RunningRequests } from "../requests/running-requests.ts";
import type { UnknownFieldLog } from "../requests/unknown-field-log.ts";

export interface TokenRouteParts extends BodyRouterParts {
  readonly running: RunningRequests;
  readonly unknownFields: UnknownFieldLog;
}

type Answer = (request: FastifyRequest, reply: FastifyReply, service: GenerationService) => Promise<unknown>;

export function addTokenRoutes(app: FastifyInstance, parts: TokenRouteParts): void {
  const route: BodyRouter = bodyRouter(parts);
  const { servedModels, running, unknownFields } = parts;
  const tokenize: Answer = async (request, reply, service) => {
    const asked = parseTokenizeRequest(request.body, service.model);
    unknownFields.note("/tokenize", asked.unknownFields);
    // A long text takes a while, and its client may leave.
    const answer = await tokenizeResponse(asked, service, running.begin(reply.raw));
    if (answer !== null) return answer;
    throw endedEarly();
  };
  const detokenize: Answer = async (request, _reply, service) => {
    const asked = parseDetokenizeRequest(request.body, service.model);
    unknownFields.note("/detokenize", asked.unknownFields);
    return detokenizeResponse(asked.tokenIds, service);
  };
  app.get<{ Querystring: { model?: string } }>("/tokenizer_info", async (request) =>
    tokenizerInfo(servedModels.requireService(request.query.model).model),
  );
  app.post(
    "/tokenize",
    route((request, reply, { service }) => tokenize(request, reply, service)),
  );
  app.post(
    "/detokenize",
    route((request, reply, { service }) => detokenize(request, reply, service)),
  );
}
