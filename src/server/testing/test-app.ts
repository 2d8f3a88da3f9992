/** @module The real application over a scripted service, with its log kept in memory. */
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { AccessControl, openAccess } from "../access/access-control.ts";
import { type AppParts, buildApp } from "../app.ts";
import { defaultConnectionLimits } from "../connections/connection-ledger.ts";
import { ServerMetrics } from "../metrics/server-metrics.ts";
import type { ServedModelEntry } from "../models/served-model-entry.ts";
import { ServedModels } from "../models/served-models.ts";
import { Observatory } from "../observatory/observatory.ts";
import { RunningRequests } from "../requests/running-requests.ts";
import { type Script, ScriptedService } from "./scripted-service.ts";

export interface TestApp {
  readonly app: FastifyInstance;
  readonly service: ScriptedService;
  readonly servedModels: ServedModels;
  readonly entry: ServedModelEntry;
  readonly running: RunningRequests;
  readonly metrics: ServerMetrics;
  readonly observatory: Observatory;
  readonly logLines: string[];
}

const scriptedDevice = {
  deviceId: "cpu",
  kind: "cpu",
  name: "memory of a test",
  totalBytes: 4000,
  freeBytes: 2500,
  foreign: [{ pid: 7, name: "someone", heldBytes: 600 }],
} as const;

export function testApp(
  script: Script,
  parts: Partial<
    Pick<
      AppParts,
      | "access"
      | "allowedHosts"
      | "connectionLimits"
      | "cors"
      | "mostWaiting"
      | "nodes"
      | "tls"
      | "traces"
      | "logs"
      | "tuningRuns"
    >
  > = {},
): TestApp {
  const service = new ScriptedService(script);
  const servedModels = new ServedModels();
  const listing = { names: ["scripted", "alias"], acceptsAnyName: false, fingerprint: "fp_test" } as const;
  const entry = servedModels.add(listing, service.model);
  entry.attach(service);
  const running = new RunningRequests();
  const metrics = new ServerMetrics(() => 0);
  const logLines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void logLines.push(line) });
  const observatory = new Observatory({
    servedModels,
    version: "1.2.3",
    devices: () => [scriptedDevice],
    log: logger,
  });
  return {
    app: buildApp({
      servedModels,
      running,
      metrics,
      observatory,
      logger,
      version: "1.2.3",
      logprobCapacity: 1000,
      bodyCapacityBytes: 0,
      bodyLimitBytes: 2 ** 22,
      connectionLimits: defaultConnectionLimits,
      access: new AccessControl(openAccess),
      cors: null,
      mostWaiting: null,
      tls: null,
      allowedHosts: null,
      ...parts,
    }),
    service,
    servedModels,
    entry,
    running,
    metrics,
    observatory,
    logLines,
  };
}

/** The JSON of each `data:` line but the last, which must be `[DONE]`. */
export function eventsOf(body: string): unknown[] {
  const lines = body.split("\n\n").filter((line) => line !== "");
  const last = lines.pop();
  if (last !== "data: [DONE]") throw new TypeError(`the stream ends with ${last}`);
  return lines.map((line) => JSON.parse(line.replace(/^data: /, "")) as unknown);
}
