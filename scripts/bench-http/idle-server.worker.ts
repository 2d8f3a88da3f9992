/** @module The real application over the real engine, with a model that computes nothing. Prints its address.
 * Its argument is the least time of a step in ms. */
import { pino } from "pino";
import { idleEngine } from "../../src/bench/steps/idle-engine.ts";
import { AccessControl, openAccess } from "../../src/server/access/access-control.ts";
import { buildApp } from "../../src/server/app.ts";
import { defaultConnectionLimits } from "../../src/server/connections/connection-ledger.ts";
import { ServerMetrics } from "../../src/server/metrics/server-metrics.ts";
import { ServedModels } from "../../src/server/models/served-models.ts";
import { RunningRequests } from "../../src/server/requests/running-requests.ts";

const limits = {
  blockSize: 16,
  numBlocks: 16_384,
  kvDtype: "f16",
  maxModelLen: 2048,
  maxNumSeqs: 128,
  maxNumBatchedTokens: 4096,
  maxLogprobs: 8,
} as const;

const metrics = new ServerMetrics(() => 0);
const servedModels = new ServedModels();
const listing = { names: ["idle"], acceptsAnyName: true, fingerprint: "fp_idle" } as const;
const entry = servedModels.add(listing, null);
entry.attach(idleEngine(limits, metrics.observerFor(entry), Number(process.argv[2] ?? 0)));
const app = buildApp({
  servedModels,
  running: new RunningRequests(),
  metrics,
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
console.log(await app.listen({ port: 0, host: "127.0.0.1" }));
