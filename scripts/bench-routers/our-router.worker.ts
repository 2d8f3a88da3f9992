/**
 * @module The server of `pagoda up` over endpoints that run already. Prints its address.
 *
 *     node our-router.worker.ts POLICY URL...
 */
import { pino } from "pino";
import type { RouterSettings } from "../../src/api/admin/observatory/index.ts";
import { RemoteEndpoint } from "../../src/endpoint/remote-endpoint.ts";
import { FleetEndpoint } from "../../src/fleet/router/fleet-endpoint.ts";
import { Router } from "../../src/fleet/router/router.ts";
import { AccessControl, openAccess } from "../../src/server/access/access-control.ts";
import { buildApp } from "../../src/server/app.ts";
import { defaultConnectionLimits } from "../../src/server/connections/connection-ledger.ts";
import { ServerMetrics } from "../../src/server/metrics/server-metrics.ts";
import { ServedModels } from "../../src/server/models/served-models.ts";
import { RunningRequests } from "../../src/server/requests/running-requests.ts";

const [policy = "cost", ...urls] = process.argv.slice(2);
const model = { modelId: "m", maxModelLen: 32_768, createdUnixSeconds: 0 };
const router = new Router("m");
router.change({ policy: policy as RouterSettings["policy"] });
for (const [index, url] of urls.entries())
  router.add({
    endpointId: `m-${index}`,
    endpoint: new RemoteEndpoint({ url: new URL(url), model }),
    seats: 256,
    poolTokens: 262_144,
  });
const servedModels = new ServedModels();
servedModels
  .add({ names: ["m"], acceptsAnyName: false, fingerprint: "fp" }, null)
  .attachEndpoint(new FleetEndpoint(router, model));
const app = buildApp({
  servedModels,
  running: new RunningRequests(),
  metrics: new ServerMetrics(() => 0),
  logger: pino({ level: "silent" }),
  version: "0.0.0",
  logprobCapacity: 100_000,
  bodyCapacityBytes: 2 ** 26,
  bodyLimitBytes: 2 ** 22,
  connectionLimits: defaultConnectionLimits,
  access: new AccessControl(openAccess),
  cors: null,
  mostWaiting: null,
  tls: null,
  allowedHosts: null,
});
console.log(`${await app.listen({ port: 0, host: "127.0.0.1" })} `);
