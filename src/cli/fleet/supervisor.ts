/** @module The supervisor of a fleet file: its door, its instances, and their end. */
import { createHash } from "node:crypto";
import type { Logger } from "pino";
import { PagodaError } from "../../core/errors.ts";
import {
  DeviceReadings,
  deviceLockPath,
  type FleetDoor,
  type FleetFolder,
  type FleetSpec,
  FleetStore,
  fleetFolder,
  type InstanceEvent,
  type ManagedFleet,
  makeFleetFolder,
  openFleet,
  tryLock,
} from "../../fleet/index.ts";
import { bodyCapacityBytes, bodyLimitBytes, logprobCapacity } from "../../instance/index.ts";
import { identify } from "../../process/process-identity.ts";
import { freePort } from "../../process/server-process.ts";
import { AccessControl, type AccessParts, openAccess } from "../../server/access/access-control.ts";
import { checkedKey, plainKey } from "../../server/access/api-keys.ts";
import { buildApp } from "../../server/app.ts";
import { defaultConnectionLimits } from "../../server/connections/connection-ledger.ts";
import { ServerMetrics } from "../../server/metrics/server-metrics.ts";
import { ServedModels } from "../../server/models/served-models.ts";
import { Observatory } from "../../server/observatory/observatory.ts";
import { AllowedHosts, isLoopback } from "../../server/requests/allowed-hosts.ts";
import { RunningRequests } from "../../server/requests/running-requests.ts";
import { readDevices } from "../lifecycle/device-readings.ts";
import { onStopSignal } from "../lifecycle/graceful-shutdown.ts";
import { listen } from "../lifecycle/listen.ts";
import { planService } from "../planning/plan-service.ts";
import type { LogOutput } from "../print/log-output.ts";
import { version } from "../print/version.ts";
import { instancePlanner } from "./instance-planner.ts";
import { supervisorBytes, supervisorHeapMib } from "./supervisor-size.ts";

const measureEveryMs = 1000;

export interface Supervisor {
  readonly url: string;
  readonly managed: ManagedFleet;
  /** Resolves with the exit code after a signal. */
  readonly stopped: Promise<number>;
}

/**
 * Plans the fleet, opens its door and starts it. Resolves when every instance is ready or has failed for good.
 * @throws PagodaError where another supervisor runs it, where it does not fit, or the port is taken; nothing runs then.
 */
export async function supervise(spec: FleetSpec, logger: Logger, output: LogOutput): Promise<Supervisor> {
  const folder = fleetFolder(process.env, spec.name);
  makeFleetFolder(folder);
  if (tryLock(folder.lockPath) === null) throw alreadyRuns(spec, folder);
  const store = new FleetStore(folder.storePath);
  const servedModels = new ServedModels();
  const running = new RunningRequests();
  const devices = new DeviceReadings(spec.devices);
  const managed = await openFleet(spec, {
    store,
    planner: plannerOf(spec, store.routerKey),
    logFolder: folder.logFolder,
    readDevices: (mostAgeMs) => devices.now(mostAgeMs),
    lockPathOf: (deviceId) => deviceLockPath(process.env, deviceId),
    door: doorOver(servedModels),
    routerBytes: supervisorBytes,
    freePort,
    onEvent: (event) => {
      logEvent(logger, event);
      // Nothing happens before the fleet is started, and by then it is there.
      observatory.instanceChanged(event);
    },
  });
  const observatory = new Observatory({
    servedModels,
    version,
    devices: readDevices,
    log: logger,
    fleet: managed,
  });
  const app = appOf({ spec, store, servedModels, running, logger, output, observatory, managed });
  const ticks = setInterval(() => managed.tick().catch((error) => logger.error(error)), measureEveryMs);
  const stopping = onStopSignal({
    servedModels,
    running,
    graceMs: spec.limits.shutdownGraceMs,
    say: (line) => output.write(`pagoda: ${line}\n`),
    endNow: () => (spec.onExit === "leave" ? Promise.resolve() : managed.fleet.kill()),
  });
  stopping.closeLater(app, {
    close: async () => {
      clearInterval(ticks);
      managed.fleet.startNoMore();
      if (spec.onExit === "stop") await managed.fleet.stop();
      store.door = null;
      store.close();
    },
  });
  const url = await listen(app, logger, { host: spec.host, port: spec.port });
  store.door = { url, pid: process.pid, startTicks: identify(process.pid)?.startTicks ?? 0 };
  await managed.start();
  return { url, managed, stopped: stopping.stopped };
}

interface DoorParts {
  readonly spec: FleetSpec;
  readonly store: FleetStore;
  readonly servedModels: ServedModels;
  readonly running: RunningRequests;
  readonly logger: Logger;
  readonly output: LogOutput;
  readonly observatory: Observatory;
  readonly managed: ManagedFleet;
}

function appOf(parts: DoorParts): ReturnType<typeof buildApp> {
  const { spec, store, output, managed, observatory, ...rest } = parts;
  const app = buildApp({
    ...protectionOf(spec, store.ownKey),
    ...rest,
    metrics: new ServerMetrics(() => output.numDropped),
    observatory,
    version,
    logprobCapacity: logprobCapacity(supervisorHeapMib),
    bodyCapacityBytes: bodyCapacityBytes(supervisorHeapMib),
    bodyLimitBytes: bodyLimitBytes(supervisorHeapMib),
    planner: planService(process.env),
    fleet: managed,
  });
  const stopSampling = observatory.start();
  app.addHook("onClose", async () => stopSampling());
  return app;
}

/** On a loopback address without keys all may look; changes need the fleet's key in any case. */
function protectionOf({ host, keys }: FleetSpec, ownKey: string) {
  const isOpen = isLoopback(host) && keys.api.length === 0 && keys.admin === null;
  const access: AccessParts = {
    ...openAccess,
    keys: keys.api.map((key) => plainKey(checkedKey(key, "keys.api"))),
    adminKeys: isOpen ? [] : [checkedKey(keys.admin ?? ownKey, "keys.admin")],
    isLoopback: isLoopback(host),
  };
  return {
    access: new AccessControl(access),
    allowedHosts: isLoopback(host) ? new AllowedHosts([host]) : null,
    connectionLimits: defaultConnectionLimits,
    cors: null,
    mostWaiting: null,
    tls: null,
  };
}

export function plannerOf(spec: FleetSpec, routerKey: string) {
  const sharing = spec.models.filter(({ engine }) => engine === "pagoda");
  return instancePlanner({
    ownProgram: [process.execPath, process.argv[1] ?? ""],
    environment: process.env,
    numSharing: sharing.reduce((sum, { replicas }) => sum + Math.max(1, replicas.max), 0),
    drainMs: spec.limits.shutdownGraceMs,
    routerKey,
  });
}

/** Requests reach a model by its name and its aliases as long as the fleet has it. */
function doorOver(servedModels: ServedModels): FleetDoor {
  const entries = new Map<string, ReturnType<ServedModels["add"]>>();
  return {
    serve: ({ spec, plan }, endpoint) => {
      const fingerprint = createHash("sha256").update(`${version} ${plan.startHash}`).digest("hex");
      const names = [spec.name, ...spec.aliases] as const;
      const listing = { names, acceptsAnyName: false, fingerprint: `fp_${fingerprint.slice(0, 12)}` };
      const entry = servedModels.add(listing, null);
      entry.attachEndpoint(endpoint);
      entries.set(spec.name, entry);
    },
    withdraw: (name) => {
      const entry = entries.get(name);
      if (entry !== undefined) servedModels.remove(entry);
      entries.delete(name);
    },
  };
}

function logEvent(logger: Logger, { instanceId, state, reason }: InstanceEvent): void {
  const text = `${instanceId} is ${state}: ${reason}`;
  if (state === "failed" || state === "crashloop" || state === "stuck")
    logger.error({ instanceId, state }, text);
  else logger.info({ instanceId, state }, text);
}

function alreadyRuns({ name }: FleetSpec, folder: FleetFolder): PagodaError {
  const store = new FleetStore(folder.storePath);
  const { door } = store;
  store.close();
  const where = door === null ? "" : ` at ${door.url} (process ${door.pid})`;
  return new PagodaError("invalid_option", `The fleet ${name} runs already${where}.`, {
    hint: "Change it with pagoda apply, stop it with pagoda down, or give the file another name.",
  });
}
