/** @module Memory control, by the names of vLLM and LMDeploy: /sleep, /wake_up, /wakeup, /is_sleeping, /reset_prefix_cache. */
import type { FastifyInstance } from "fastify";
import { parseSleepQuery, type SleepQuery } from "../../api/sleep.ts";
import type { ServedModels } from "../models/served-models.ts";

interface ModelQuery {
  readonly model?: string;
}

export function addSleepRoutes(
  app: FastifyInstance,
  { servedModels }: { readonly servedModels: ServedModels },
): void {
  app.post<{ Querystring: SleepQuery }>("/sleep", async (request) => {
    const { level, waits, model } = parseSleepQuery(request.query);
    const report = await servedModels.loadedService(model).sleep(level, { waits });
    request.log.info(report, `asleep: ${report.releasedBytes} bytes were given back`);
    return {
      is_sleeping: true,
      level: report.level,
      released_bytes: report.releasedBytes,
      kept_because: report.keptBecause,
    };
  });
  for (const path of ["/wake_up", "/wakeup"])
    app.post<{ Querystring: ModelQuery }>(path, async (request) => {
      await servedModels.loadedService(request.query.model).wake();
      return { is_sleeping: false };
    });
  app.get<{ Querystring: ModelQuery }>("/is_sleeping", async (request) => ({
    is_sleeping: servedModels.loadedService(request.query.model).sleepLevel !== null,
  }));
  app.post<{ Querystring: ModelQuery }>("/reset_prefix_cache", async (request) => ({
    dropped_blocks: await servedModels.loadedService(request.query.model).resetPrefixCache(),
  }));
}
