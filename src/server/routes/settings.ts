/** @module GET and PATCH /admin/settings, POST /admin/settings/revert, and /v1/runtime_config in vLLM's words. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  parseSettingsChange,
  runtimeConfig,
  type SettingsAnswer,
} from "../../api/admin/observatory/index.ts";
import { PagodaError } from "../../core/errors.ts";
import type { SettingsService } from "../settings/settings-service.ts";

export function addSettingsRoutes(app: FastifyInstance, settings: SettingsService): void {
  app.get("/admin/settings", async () => settings.view());
  app.patch("/admin/settings", async (request) =>
    settings.change(parseSettingsChange(request.body), whoAsks(request)),
  );
  app.post("/admin/settings/revert", async (request) => settings.revert(whoAsks(request)));
  app.get("/v1/runtime_config", async () => firstOf(await settings.view()));
  app.patch("/v1/runtime_config", async (request) =>
    firstOf(await settings.change(parseSettingsChange(request.body), whoAsks(request))),
  );
}

/** All instances of a server have the same settings, unless somebody changed one of them alone. */
function firstOf({ instances }: SettingsAnswer): object {
  const [first] = Object.values(instances);
  if (first !== undefined) return runtimeConfig(first);
  throw new PagodaError("not_ready", "No instance is ready yet.", { hint: "Try again in a few seconds." });
}

function whoAsks({ ip }: FastifyRequest): string {
  return `admin ${ip}`;
}
