/** @module The HTTP application: routes over one generation service, errors in OpenAI's shape. */
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from "fastify";
import type { PlanService } from "../api/admin/plan.ts";
import { errorBody, errorStatus, toPagodaError } from "../api/error.ts";
import { PagodaError } from "../core/errors.ts";
import { LogprobBudget } from "./answers/logprob-budget.ts";
import { bodyWithReadTimeout } from "./bodies/body-read-timeout.ts";
import { drainRequestBody } from "./bodies/drain-request-body.ts";
import { RequestBodyBudget } from "./bodies/request-body-budget.ts";
import { answerMalformed } from "./malformed-request.ts";
import type { ServerMetrics } from "./metrics.ts";
import { requestIdFor } from "./request-id.ts";
import { addGenerationRoutes } from "./routes/generation.ts";
import { addModelRoutes } from "./routes/models.ts";
import { addOperationsRoutes } from "./routes/operations.ts";
import { addPlanRoute } from "./routes/plan.ts";
import { addTokenRoutes } from "./routes/tokens.ts";
import type { RunningRequests } from "./running-requests.ts";
import type { ServedModels } from "./served-models.ts";
import { UnknownFieldLog } from "./unknown-field-log.ts";

/** Seconds after which a client may try again when the server cannot answer now. */
const retryAfterSeconds = "1";

export interface AppParts {
  readonly servedModels: ServedModels;
  readonly running: RunningRequests;
  readonly metrics: ServerMetrics;
  readonly logger: FastifyBaseLogger;
  readonly version: string;
  /** Log-probabilities that answers may hold at once. */
  readonly logprobCapacity: number;
  /** Bytes of request bodies that may be inside at once. */
  readonly bodyCapacityBytes: number;
  /** Bytes of the largest body: it is in memory as a whole, and as JSON values, before anything of it is checked. */
  readonly bodyLimitBytes: number;
  /** Plans of other engines; without it there is no /admin/plan. */
  readonly planner?: PlanService;
}

/** Builds the application; the caller listens, or injects requests. */
export function buildApp(parts: AppParts): FastifyInstance {
  const app: FastifyInstance = fastify({
    loggerInstance: parts.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: parts.bodyLimitBytes,
    genReqId: requestIdFor,
    // Headers have Node's own limit. A body may take long as long as it comes; see timed-body.ts.
    requestTimeout: 0,
    forceCloseConnections: "idle",
    clientErrorHandler: answerMalformed,
    // A path that cannot be decoded meets no hook: only here can it get the shape of all errors.
    frameworkErrors: (thrown, request, reply) => {
      const error = catalogued(thrown, parts.bodyLimitBytes);
      const anyReply = reply as FastifyReply;
      anyReply.header("x-request-id", request.id).status(errorStatus(error)).send(errorBody(error));
    },
  });
  const requestBodyBudget = new RequestBodyBudget(parts.bodyCapacityBytes, parts.bodyLimitBytes);
  app.addHook("onRequest", async (request, reply) => {
    // A body is read only after its bytes were reserved.
    if (request.is404)
      throw new PagodaError("not_found", `there is no ${request.method} ${pathOf(request)} here`);
    if (request.method === "POST") requestBodyBudget.reserve(request.raw, reply.raw);
  });
  app.addHook("preParsing", async (request, reply) => {
    if (request.method !== "POST") return;
    const body = bodyWithReadTimeout(request.raw);
    reply.raw.once("close", () => body.destroy());
    return body;
  });
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  addOperationsRoutes(app, parts);
  addPlanRoute(app, parts.planner);
  addModelRoutes(app, parts.servedModels);
  addTokenRoutes(app, parts);
  addGenerationRoutes(app, {
    ...parts,
    unknownFields: new UnknownFieldLog(parts.logger),
    logprobBudget: new LogprobBudget(parts.logprobCapacity),
  });
  app.setErrorHandler((thrown, request, reply) => {
    const error = catalogued(thrown, parts.bodyLimitBytes);
    // What passes by itself is no fault, and comes in floods.
    if (errorStatus(error) === 503) reply.header("retry-after", retryAfterSeconds);
    else if (errorStatus(error) >= 500) request.log.error({ err: thrown }, error.message);
    if (!request.raw.readableEnded) {
      // Fastify would close the connection under a client that still sends.
      reply.removeHeader("connection");
      drainRequestBody(request.raw);
    }
    return reply.status(errorStatus(error)).send(errorBody(error));
  });
  return app;
}

function pathOf(request: FastifyRequest): string {
  return request.url.split("?")[0] ?? "";
}

/** Fastify's own refusals (bad JSON, wrong content type, too large) are the caller's problem too. */
function catalogued(thrown: unknown, bodyLimitBytes: number): PagodaError {
  if (thrown instanceof PagodaError || !isFastifyError(thrown)) return toPagodaError(thrown);
  if (thrown.statusCode === 413)
    return new PagodaError("request_too_large", `the request body is larger than ${bodyLimitBytes} bytes`, {
      hint: "Send a shorter prompt, or several requests.",
    });
  const status = thrown.statusCode ?? 500;
  return status >= 400 && status < 500
    ? new PagodaError("invalid_request", thrown.message, { cause: thrown })
    : toPagodaError(thrown);
}

function isFastifyError(thrown: unknown): thrown is FastifyError {
  return thrown instanceof Error && "statusCode" in thrown;
}
