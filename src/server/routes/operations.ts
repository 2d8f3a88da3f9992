/** @module What operators and gateways ask: /health, /ping, /version, /metrics, /admin/memory. */
import type { FastifyInstance } from "fastify";
import type { ServerMetrics } from "../metrics/server-metrics.ts";
import { checkEndpoints } from "../models/endpoint-checks.ts";
import type { ServedModels } from "../models/served-models.ts";
import type { Observatory } from "../observatory/observatory.ts";

export interface OperationsRouteParts {
  readonly servedModels: ServedModels;
  readonly metrics: ServerMetrics;
  readonly version: string;
  readonly observatory?: Observatory;
}

export function addOperationsRoutes(app: FastifyInstance, parts: OperationsRouteParts): void {
  const { servedModels } = parts;
  for (const path of ["/health", "/ping"])
    app.get(path, async () => {
      await checkEndpoints(servedModels.entries);
      servedModels.requireAnyReady();
      return { status: "ok" };
    });
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
    servedModels.requireService(request.query.model).memory(),
  );
}
