/** @module POST /v1/messages and /v1/messages/count_tokens, with errors in Anthropic's shape. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { messageErrorBody } from "../../api/messages/message-error.ts";
import { parseCountTokensRequest, parseMessagesRequest } from "../../api/messages/messages.ts";
import { exchangeAnswerer, type GenerationRouteParts } from "../answers/exchange-answer.ts";
import { bodyRouter } from "../models/body-router.ts";
import { endedEarly } from "../requests/running-requests.ts";

const countPath = "/v1/messages/count_tokens";

export function addMessageRoutes(app: FastifyInstance, parts: GenerationRouteParts): void {
  const route = bodyRouter(parts);
  const options = {
    config: { errorShape: messageErrorBody },
    // The id under the name that clients of this protocol look for; streams bypass fastify's own headers.
    onRequest: async (request: FastifyRequest, reply: FastifyReply) => {
      reply.raw.setHeader("request-id", request.id);
    },
  };
  app.post("/v1/messages", options, route(exchangeAnswerer(parts, "msg_", parseMessagesRequest)));
  app.post(
    countPath,
    options,
    route(async (request, reply, { service }) => {
      const { prompt, unknownFields } = parseCountTokensRequest(request.body, service.model);
      parts.unknownFields.note(countPath, unknownFields);
      const tokenIds = await service.tokenize(prompt, parts.running.begin(reply.raw));
      if (tokenIds === null) throw endedEarly();
      return { input_tokens: tokenIds.length };
    }),
  );
}
