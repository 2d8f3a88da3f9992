/** @module What operators and gateways ask: /health, /ping, /version, /metrics, /admin/memory. */
import type { FastifyInstance } from "fastify";
import type { ServerMetrics } from "../metrics.ts";
import type { ServedModels } from "../served-models.ts";

export interface OperationsRouteParts {
  readonly servedModels: ServedModels;
  readonly metrics: ServerMetrics;
  readonly version: string;
}

export function addOperationsRoutes(app: FastifyInstance, parts: OperationsRouteParts): void {
  for (const path of ["/health", "/ping"])
    app.get(path, async () => {
      parts.servedModels.require();
      return { status: "ok" };
    });
  app.get("/version", async () => ({ version: parts.version }));
  app.get("/metrics", async (_request, reply) => {
    reply.header("content-type", parts.metrics.contentType);
    return parts.metrics.scrape(parts.servedModels.peek());
  });
  app.get("/admin/memory", async () => parts.servedModels.require().memory());
}
