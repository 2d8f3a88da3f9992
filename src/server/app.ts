/** @module The HTTP application: routes over the served models, errors in OpenAI's shape. */
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from "fastify";
import type { FleetService } from "../api/admin/fleet.ts";
import type { NodeDoor } from "../api/admin/nodes.ts";
import type { PlanService } from "../api/admin/plan.ts";
import type { StartService } from "../api/admin/start.ts";
import { errorBody, errorStatus, toPagodaError } from "../api/error.ts";
import { ollamaErrorBody } from "../api/ollama/ollama-error.ts";
import { shownText } from "../api/shown-text.ts";
import { PagodaError } from "../core/errors.ts";
import type { AccessControl } from "./access/access-control.ts";
import { openCaller } from "./access/caller.ts";
import type { Cors } from "./access/cors.ts";
import { LogprobBudget } from "./answers/logprob-budget.ts";
import { bodyWithReadTimeout } from "./bodies/body-read-timeout.ts";
import { drainRequestBody } from "./bodies/drain-request-body.ts";
import { acceptJsonBodies, requireJsonBody } from "./bodies/json-request-body.ts";
import { RequestBodyBudget } from "./bodies/request-body-budget.ts";
import { ConnectionLedger, type ConnectionLimits, mostHeaderBytes } from "./connections/connection-ledger.ts";
import { watchConnections } from "./connections/watch-connections.ts";
import type { ServerMetrics } from "./metrics/server-metrics.ts";
import { pathOf } from "./models/body-router.ts";
import type { ServedModels } from "./models/served-models.ts";
import type { Observatory } from "./observatory/observatory.ts";
import type { AllowedHosts } from "./requests/allowed-hosts.ts";
import { AllowedMethods } from "./requests/allowed-methods.ts";
import type { ErrorShape } from "./requests/error-shape.ts";
import { answerMalformed } from "./requests/malformed-request.ts";
import { requireSingleParameters } from "./requests/query-parameters.ts";
import { QueueLimit } from "./requests/queue-limit.ts";
import { requestIdFor } from "./requests/request-id.ts";
import type { RunningRequests } from "./requests/running-requests.ts";
import { UnknownFieldLog } from "./requests/unknown-field-log.ts";
import { answerUnmetExpectation } from "./requests/unmet-expectation.ts";
import { addFleetRoutes } from "./routes/fleet.ts";
import { addGenerationRoutes } from "./routes/generation.ts";
import { addMessageRoutes } from "./routes/messages.ts";
import { addModelRoutes } from "./routes/models.ts";
import { addNodeRoutes } from "./routes/nodes.ts";
import { addObservatoryRoutes } from "./routes/observatory.ts";
import { addOllamaRoutes } from "./routes/ollama.ts";
import { addOperationsRoutes } from "./routes/operations.ts";
import { addPageRoutes } from "./routes/pages.ts";
import { addPlanRoute, addStartRoute } from "./routes/plan.ts";
import { addRecordRoutes, type RecordParts } from "./routes/records.ts";
import { addScoreRoutes } from "./routes/scores.ts";
import { addSettingsRoutes } from "./routes/settings.ts";
import { addSleepRoutes } from "./routes/sleep.ts";
import { addTokenRoutes } from "./routes/tokens.ts";
import type { TraceExporter } from "./traces/trace-exporter.ts";

/** Seconds after which a client may try again when the server cannot answer now. */
const retryAfterSeconds = "1";

/** From the first byte of a request to the end of its headers, and for a connection that sends nothing. */
const headersTimeoutMs = 15_000;
const connectionsCheckingInterval = 3000;

const methodsWithBody: ReadonlySet<string> = new Set(["POST", "PATCH"]);

export interface AppParts extends RecordParts {
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
  /** Of sockets, and of what they hold. */
  readonly connectionLimits: ConnectionLimits;
  readonly access: AccessControl;
  /** null: no page of another site may read answers. */
  readonly cors: Cors | null;
  /** Sequences that may wait for a seat; null: any number. */
  readonly mostWaiting: number | null;
  /** null: plain HTTP. */
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null;
  /** Whom Host and Origin may name; null: they are not checked. */
  readonly allowedHosts: AllowedHosts | null;
  /** A request for a sleeping model wakes it, and waits for that. */
  readonly wakesOnRequest?: boolean;
  /** Plans of other engines; without it there is no /admin/plan. */
  readonly planner?: PlanService;
  /** Without it there is no /admin/snapshot. */
  readonly observatory?: Observatory;
  /** The start of this process; without it there is no /admin/start. */
  readonly start?: StartService;
  /** Without it no request is traced. */
  readonly traces?: TraceExporter;
  /** Instances of its own; without it there is no /admin/fleet. */
  readonly fleet?: FleetService;
  /** Servers that register themselves; without it there are no /nodes. */
  readonly nodes?: NodeDoor;
}

/** Builds the application; the caller listens, or injects requests. */
export function buildApp(parts: AppParts): FastifyInstance {
  const http = {
    maxHeaderSize: mostHeaderBytes,
    headersTimeout: headersTimeoutMs,
    connectionsCheckingInterval,
  };
  const app = fastify({
    loggerInstance: parts.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: parts.bodyLimitBytes,
    genReqId: requestIdFor,
    ...(parts.tls === null
      ? { http }
      : { https: { ...http, ...parts.tls, handshakeTimeout: headersTimeoutMs } }),
    // A body may take long as long as it comes; see body-read-timeout.ts.
    requestTimeout: 0,
    forceCloseConnections: "idle",
    clientErrorHandler: answerMalformed,
    // A path that cannot be decoded meets no hook: only here can it get the shape of all errors.
    frameworkErrors: (thrown, request, reply) => {
      const error = catalogued(thrown, parts.bodyLimitBytes);
      const anyReply = reply as FastifyReply;
      anyReply.header("x-request-id", request.id).status(errorStatus(error)).send(errorBody(error));
    },
    // Routes and hooks are the same over HTTP and HTTPS.
  }) as FastifyInstance;
  const connections = new ConnectionLedger(parts.connectionLimits);
  watchConnections(app.server, connections);
  app.server.on("checkExpectation", answerUnmetExpectation);
  parts.metrics.watchConnections(connections);
  parts.metrics.http.watch(app);
  app.addHook("onListen", async () => parts.metrics.eventLoop.start());
  app.addHook("onClose", async () => parts.metrics.eventLoop.stop());
  app.addHook("onClose", async () => parts.traces?.close());
  acceptJsonBodies(app, () => parts.servedModels.hasEndpoints);
  const allowedMethods = new AllowedMethods();
  allowedMethods.watch(app);
  addDoorkeeping(app, parts, { allowedMethods, connections });
  addRoutes(app, parts, allowedMethods);
  answerErrors(app, parts);
  return app;
}

/** What every request passes before its route sees it, and every answer before it leaves. */
function addDoorkeeping(
  app: FastifyInstance,
  parts: AppParts,
  { allowedMethods, connections }: { allowedMethods: AllowedMethods; connections: ConnectionLedger },
): void {
  app.decorateRequest("caller");
  const requestBodyBudget = new RequestBodyBudget(parts.bodyCapacityBytes, parts.bodyLimitBytes);
  app.addHook("onRequest", async (request, reply) => {
    if (connections.isSurplus(request.raw.socket)) {
      reply.raw.shouldKeepAlive = false;
      throw tooManyConnections(connections);
    }
    request.caller = openCaller;
    parts.allowedHosts?.requireAllowed(request.raw);
    if (parts.cors?.answer(request, reply) === true) return reply;
    parts.access.admit(request, reply);
    if (request.is404) throw refusedPath(request, reply, allowedMethods);
    requireSingleParameters(request.query);
    if (!methodsWithBody.has(request.method)) return undefined;
    requireJsonBody(request);
    // A body is read only after its bytes were reserved.
    requestBodyBudget.reserve(request.raw, reply.raw);
    return undefined;
  });
  app.addHook("preParsing", async (request, reply) => {
    if (!methodsWithBody.has(request.method)) return;
    const body = bodyWithReadTimeout(request.raw);
    reply.raw.once("close", () => body.destroy());
    return body;
  });
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
}

function addRoutes(app: FastifyInstance, parts: AppParts, allowedMethods: AllowedMethods): void {
  const queueLimit = new QueueLimit(parts.mostWaiting);
  const unknownFields = new UnknownFieldLog(parts.logger);
  addPageRoutes(app, { ...parts, allowedMethods });
  addOperationsRoutes(app, parts);
  if (parts.observatory !== undefined) {
    addObservatoryRoutes(app, parts.observatory);
    parts.observatory.settings.watchQueue(queueLimit);
    addSettingsRoutes(app, parts.observatory.settings);
  }
  addRecordRoutes(app, parts);
  addSleepRoutes(app, parts);
  addPlanRoute(app, parts.planner);
  addFleetRoutes(app, parts.fleet);
  addStartRoute(app, parts.start);
  addNodeRoutes(app, parts.nodes);
  addModelRoutes(app, parts.servedModels);
  addTokenRoutes(app, { ...parts, unknownFields, queueLimit });
  const generation = {
    ...parts,
    unknownFields,
    queueLimit,
    logprobBudget: new LogprobBudget(parts.logprobCapacity),
  };
  addGenerationRoutes(app, generation);
  addScoreRoutes(app, generation);
  addMessageRoutes(app, generation);
  addOllamaRoutes(app, generation);
}

function answerErrors(
  app: FastifyInstance,
  { bodyLimitBytes, observatory }: Pick<AppParts, "bodyLimitBytes" | "observatory">,
): void {
  app.setErrorHandler(async (thrown, request, reply) => {
    const error = catalogued(thrown, bodyLimitBytes);
    const status = errorStatus(error);
    if (status === 503 || status === 429) {
      // Those that ask whether the server lives do so again and again.
      if (methodsWithBody.has(request.method)) observatory?.refused(error);
      if (!reply.hasHeader("retry-after")) reply.header("retry-after", retryAfterSeconds);
    }
    // A 503 is transient and comes in bursts: it is not logged as an error.
    if (status >= 500 && status !== 503) request.log.error({ err: thrown }, error.message);
    if (!request.raw.readableEnded) {
      // Fastify would close the connection under a client that still sends.
      reply.removeHeader("connection");
      const closes = !reply.raw.shouldKeepAlive;
      const arrived = drainRequestBody(request.raw, () => (closes ? undefined : request.raw.destroy()));
      if (closes) await arrived;
    }
    return reply.status(status).send(shapeOf(request)(error, request.id));
  });
}

function tooManyConnections({ limits }: ConnectionLedger): PagodaError {
  return new PagodaError(
    "overloaded",
    `This server has ${limits.mostConnections} open connections, all of them with requests.`,
    { hint: "Retry when some have ended, or start the server with more --max-connections." },
  );
}

/** A path that no route has may still tell the protocol of its client. */
function shapeOf(request: FastifyRequest): ErrorShape {
  const { errorShape } = request.routeOptions.config;
  return errorShape ?? (pathOf(request).startsWith("/api/") ? ollamaErrorBody : errorBody);
}

/** 405 with `Allow` where the path is known, else 404. */
function refusedPath(request: FastifyRequest, reply: FastifyReply, allowed: AllowedMethods): PagodaError {
  const path = pathOf(request);
  const methods = allowed.of(path);
  if (methods === null)
    return new PagodaError("not_found", `This server has no path '${shownText(path)}'.`, {
      hint: nearestPathHint(path, allowed),
    });
  reply.header("allow", methods.join(", "));
  return new PagodaError(
    "method_not_allowed",
    `The path ${shownText(path)} does not answer ${request.method}.`,
    {
      hint: `Use ${methods.join(" or ")}.`,
    },
  );
}

/** A client whose base URL lacks `/v1`, or has it twice, asks for a path beside a known one. */
function nearestPathHint(path: string, allowed: AllowedMethods): string {
  const meant = [`/v1${path}`, path.replace(/^\/v1(?=\/v1\/)/, ""), path.replace(/\/+$/, "")].find(
    (candidate) => candidate !== "" && candidate !== path && allowed.of(candidate) !== null,
  );
  if (meant === undefined) return "GET /v1 lists the paths.";
  return `Use ${shownText(meant)}; the base URL of an OpenAI client ends in /v1.`;
}

/** Fastify's own refusals (bad JSON, wrong content type, too large) are the caller's problem too. */
function catalogued(thrown: unknown, bodyLimitBytes: number): PagodaError {
  if (thrown instanceof PagodaError || !isFastifyError(thrown)) return toPagodaError(thrown);
  if (thrown.statusCode === 413)
    return new PagodaError(
      "request_too_large",
      `The request body is larger than the ${bodyLimitBytes} bytes that this server reads.`,
      {
        hint: "Send a shorter prompt, or several requests.",
      },
    );
  if (thrown.code === "FST_ERR_BAD_URL")
    return new PagodaError(
      "invalid_request",
      `The request could not be read: ${shownText(thrown.message)}.`,
      {
        hint: "Percent-encode the path as UTF-8; GET /v1 lists the paths.",
        cause: thrown,
      },
    );
  const status = thrown.statusCode ?? 500;
  return status >= 400 && status < 500
    ? new PagodaError(
        "invalid_request",
        `The request could not be read: ${shownText(thrown.message.replace(/\.$/, ""))}.`,
        {
          hint: "Send one JSON object.",
          cause: thrown,
        },
      )
    : toPagodaError(thrown);
}

function isFastifyError(thrown: unknown): thrown is FastifyError {
  return thrown instanceof Error && "statusCode" in thrown;
}
