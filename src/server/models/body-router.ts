/** @module From a body's `model` to what answers it: an engine of this process, or another process that gets the same bytes. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { requireCapability } from "../../api/fields/required-capabilities.ts";
import type { GenerationService } from "../../core/generation.ts";
import { serviceFor } from "../access/caller-service.ts";
import type { QueueLimit } from "../requests/queue-limit.ts";
import type { RunningRequests } from "../requests/running-requests.ts";
import { forwardToEndpoint } from "./forward.ts";
import type { ServedModelEntry } from "./served-model-entry.ts";
import type { ServedModels } from "./served-models.ts";

export interface BodyRouterParts {
  readonly queueLimit: QueueLimit;
  /** A request for a sleeping model wakes it, and waits for that. */
  readonly wakesOnRequest?: boolean;
  readonly servedModels: ServedModels;
  readonly running: RunningRequests;
}

/** The engine that a request is for. */
export interface Routed {
  readonly entry: ServedModelEntry;
  readonly service: GenerationService;
}

type RouteHandler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
export type BodyRouter = (
  answer: (request: FastifyRequest, reply: FastifyReply, routed: Routed) => Promise<unknown>,
) => RouteHandler;

/** Makes the handler of a route from what an engine of this process does for it. */
export function bodyRouter({
  servedModels,
  running,
  queueLimit,
  wakesOnRequest,
}: BodyRouterParts): BodyRouter {
  return (answer) => async (request, reply) => {
    const entry = servedModels.find(modelNamedBy(request.body));
    if (wakesOnRequest && entry.state === "asleep") await entry.service?.wake();
    const backing = entry.requireReady();
    if (backing.kind === "service")
      return answer(request, reply, {
        entry,
        service: serviceFor(request.caller, backing.service, queueLimit.mostWaiting),
      });
    requireCapability(backing.endpoint.capabilities, {
      path: pathOf(request),
      body: request.body,
      model: entry.name,
    });
    return forwardToEndpoint(request, reply, { entry, endpoint: backing.endpoint, running });
  };
}

/** A name that is not a text is the endpoint's to complain of. */
function modelNamedBy(body: unknown): string | null {
  if (typeof body !== "object" || body === null || !("model" in body)) return null;
  return typeof body.model === "string" ? body.model : null;
}

export function pathOf(request: FastifyRequest): string {
  return request.url.split("?")[0] ?? "";
}
