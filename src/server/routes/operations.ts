/** @module What operators and gateways ask: /health, /ping, /version, /load, /server_info, /metrics, /admin/memory. */
import type { FastifyInstance } from "fastify";
import type { ServerMetrics } from "../metrics/server-metrics.ts";
import { checkEndpoints } from "../models/endpoint-checks.ts";
import type { ServedModels } from "../models/served-models.ts";
import type { Observatory } from "../observatory/observatory.ts";
import type { RunningRequests } from "../requests/running-requests.ts";

export interface OperationsRouteParts {
  readonly servedModels: ServedModels;
  readonly running: RunningRequests;
  readonly metrics: ServerMetrics;
  readonly version: string;
  readonly observatory?: Observatory;
}

export function addOperationsRoutes(app: FastifyInstance, parts: OperationsRouteParts): void {
  const { servedModels, running } = parts;
  const health = async (): Promise<object> => {
    await checkEndpoints(servedModels.entries);
    servedModels.requireAnyReady();
    return { status: "ok" };
  };
  for (const path of ["/health", "/ping"]) app.get(path, health);
  // Hosting services ask so too.
  app.post("/ping", health);
  app.get("/version", async () => ({ version: parts.version }));
  app.get("/metrics", async (_request, reply) => {
    reply.header("content-type", parts.metrics.contentType);
    return parts.metrics.scrape(
      servedModels.entries,
      (entry) => parts.observatory?.bindingLimit(entry) ?? null,
      (await parts.observatory?.remoteInstances()) ?? [],
    );
  });
  app.get<{ Querystring: { model?: string } }>("/admin/memory", async (request) =>
    servedModels.loadedService(request.query.model).memory(),
  );
  app.get("/load", async () => ({ server_load: running.numRunning }));
  app.get("/server_info", async () => serverInfo(parts));
}

/** What is served here, and how it was set up: no path and no key. */
function serverInfo({ version, servedModels }: OperationsRouteParts): object {
  return {
    version,
    models: servedModels.entries.map(({ name, state, model, service, capabilities }) => ({
      id: name,
      state,
      max_model_len: model?.maxModelLen ?? null,
      ...(service === null
        ? {}
        : {
            facts: service.model.facts,
            settings: service.settings().effective,
            kernels: service.memory().kernels,
            sleep_level: service.sleepLevel,
          }),
      routes: [...(capabilities?.routes ?? [])],
      features: [...(capabilities?.features ?? [])],
    })),
  };
}
