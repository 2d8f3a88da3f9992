/** @module `--replicas`: this process routes, and each instance is the same command in a process of its own. */
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { mib } from "../../core/byte-size.ts";
import type { Endpoint } from "../../core/endpoint.ts";
import { invariant, PagodaError } from "../../core/errors.ts";
import { periodically } from "../../core/observation/periodic.ts";
import {
  driverOf,
  type EngineDriver,
  type Fleet,
  type InstanceEvent,
  processorsNow,
  replicatedFleet,
} from "../../fleet/index.ts";
import { heapVariable, type PreparedInstance } from "../../instance/index.ts";
import { freePort } from "../../process/server-process.ts";
import { routerKeyVariable, withoutKeys } from "./protection.ts";

export interface ReplicatedModel {
  readonly fleet: Fleet;
  readonly endpoint: Endpoint;
  /** Starts all instances. @throws PagodaError where none of them came up, with the reason of the first. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** What this process takes beside its instances: Node, the routes, and requests on their way. */
const routerBytes = 160 * mib;
const measureEveryMs = 5000;

/** @throws PagodaError `memory_too_small` where they do not all fit. */
export function replicatedModel(
  prepared: PreparedInstance,
  numReplicas: number,
  { graceMs, resumesStreams }: { readonly graceMs: number; readonly resumesStreams: boolean },
  onEvent: (event: InstanceEvent) => void,
): ReplicatedModel {
  const [modelId] = prepared.names;
  const { plan, device } = prepared;
  const logFolder = mkdtempSync(join(tmpdir(), "pagoda-fleet-"));
  const driver = instanceDriver(prepared, graceMs);
  const fleet = replicatedFleet({
    modelId,
    numReplicas,
    instanceBytes: plan.budget.capBytes ?? plan.footprint.totalBytes + plan.runtimeBytes,
    routerBytes,
    device,
    driver,
    logFolder,
    fleetTag: randomUUID(),
    limits: { shutdownGraceMs: graceMs, startMs: 600_000, stuckMs: 300_000, logBytes: 16 * mib },
    router: { mostWaiting: 1000, waitMs: 60_000, resumesStreams },
    maxModelLen: plan.budget.maxModelLen.value,
    freePort,
    onEvent,
  });
  const [model] = fleet.models;
  invariant(model !== undefined, () => "a fleet of replicas has one model");
  const endpoint = fleet.endpointOf(model);
  const measuring = periodically(measureEveryMs, () => fleet.measure([processorsNow()]));
  measuring.unref();
  return {
    fleet,
    endpoint,
    start: async () => {
      await fleet.start();
      if (fleet.numReady > 0) return;
      const [first] = fleet.view().instances;
      const reason = (first?.reason ?? "no reason is known").replace(/\.$/, "");
      throw new PagodaError("internal", `No instance of ${modelId} started. The first one: ${reason}.`, {
        hint: `Its output is in ${logFolder}.`,
      });
    },
    close: async () => {
      clearInterval(measuring);
      await fleet.stop();
      rmSync(logFolder, { recursive: true, force: true });
    },
  };
}

const routerKeyBytes = 32;

/** The same command, with the threads that it was planned with, on a port that the fleet chooses. */
function instanceDriver({ names, settings, plan }: PreparedInstance, drainMs: number): EngineDriver {
  // Instances answer this process alone: another user of the machine reaches their ports too.
  const routerKey = randomBytes(routerKeyBytes).toString("hex");
  const areThreadsStated = settings.numThreads.from !== "derived" && settings.numThreads.from !== "default";
  return driverOf("pagoda", {
    program: [...endsWithParent(), process.execPath, process.argv[1] ?? ""],
    words: [
      "pagoda",
      "serve",
      ...process.argv.slice(process.argv.indexOf("serve") + 1),
      ...(areThreadsStated ? [] : ["--threads", String(settings.numThreads.value)]),
      "--replicas",
      "1",
    ],
    // The instance sets its own heap's ceiling.
    environment: { [heapVariable]: undefined, [routerKeyVariable]: routerKey, ...withoutKeys },
    apiKey: routerKey,
    servedName: names[0],
    version: null,
    deviceIds: [],
    drainMs,
    explainWith: null,
    maxModelLen: plan.budget.maxModelLen.value,
    seats: settings.maxNumSeqs.value,
  });
}

/** util-linux's setpriv has the kernel end an instance when this process ends, however it does. */
function endsWithParent(): string[] {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const setpriv = folders.map((folder) => join(folder, "setpriv")).find((path) => existsSync(path));
  return setpriv === undefined ? [] : [setpriv, "--pdeathsig", "TERM"];
}
