/** @module Identical instances of one model on one device: checked as a whole before the first of them is started. */
import { formatBytes } from "../core/byte-size.ts";
import { PagodaError } from "../core/errors.ts";
import type { FleetSpec, ModelSpec } from "./desired/fleet-spec.ts";
import type { FleetDevice } from "./devices/device.ts";
import { processorsNow } from "./devices/find-devices.ts";
import type { EngineDriver } from "./drivers/contract/driver.ts";
import { Fleet, routerEntry } from "./fleet.ts";
import type { InstanceEvent } from "./instances/instance-parts.ts";
import { StartLock } from "./instances/start-lock.ts";
import { Ledger } from "./ledger/ledger.ts";
import type { InstancePlan } from "./planning/instance-plan.ts";

export interface ReplicasParts {
  readonly modelId: string;
  readonly numReplicas: number;
  /** The most bytes that one instance may hold. */
  readonly instanceBytes: number;
  readonly maxModelLen: number;
  /** The most bytes that this process itself may hold. */
  readonly routerBytes: number;
  readonly device: { readonly totalBytes: number; readonly availableBytes: number };
  readonly driver: EngineDriver;
  /** A folder for the instances' output. */
  readonly logFolder: string;
  readonly fleetTag: string;
  readonly limits: FleetSpec["limits"];
  readonly router: FleetSpec["router"];
  readonly freePort: () => Promise<number>;
  readonly onEvent: (event: InstanceEvent) => void;
}

/** @throws PagodaError `memory_too_small` with the number of replicas that fit; nothing has been started then. */
export function replicatedFleet(parts: ReplicasParts): Fleet {
  const { device, numReplicas, instanceBytes, routerBytes, modelId } = parts;
  const numFitting = Math.floor((device.availableBytes - routerBytes) / instanceBytes);
  if (numFitting < numReplicas) throw tooMany(parts, Math.max(0, numFitting));
  const machine: FleetDevice = {
    deviceId: "cpu",
    kind: "cpu",
    runs: "processors",
    driverId: null,
    totalBytes: device.totalBytes,
    marginBytes: 0,
    usedBytes: Math.max(0, device.totalBytes - device.availableBytes),
    processes: null,
  };
  const ledger = new Ledger([machine]);
  ledger.measureForeign("cpu", [{ pid: null, name: "other processes", heldBytes: machine.usedBytes }]);
  ledger.reserve(routerEntry, [{ deviceId: "cpu", plannedBytes: routerBytes }]);
  const plan = planOf(parts);
  const fleet = new Fleet(
    { name: modelId, limits: parts.limits, router: parts.router, placement: "pack" },
    {
      devices: [machine],
      ledger,
      startLock: new StartLock(),
      planner: { plan: async () => plan },
      readDevices: async () => [processorsNow()],
      freePort: parts.freePort,
      logFolder: parts.logFolder,
      fleetTag: parts.fleetTag,
      // These instances end with their router: nobody adopts them.
      journalOf: () => ({ starting: () => undefined, ended: () => undefined }),
      clock: () => performance.now(),
      random: Math.random,
      onEvent: parts.onEvent,
    },
    null,
  );
  fleet.add({ spec: specOf(modelId, numReplicas), plan });
  return fleet;
}

function planOf({ driver, instanceBytes, maxModelLen }: ReplicasParts): InstancePlan {
  return {
    runs: "processors",
    numRanks: 1,
    rankBytes: instanceBytes,
    maxModelLen,
    plan: null,
    startHash: "",
    learn: () => undefined,
    shareOfFree: null,
    driver: () => driver,
  };
}

function specOf(modelId: string, numReplicas: number): ModelSpec {
  return {
    name: modelId,
    aliases: [],
    model: modelId,
    engine: "pagoda",
    version: null,
    replicas: { min: numReplicas, max: numReplicas },
    program: null,
    tensorParallel: 1,
    memory: null,
    flags: {},
    environment: {},
    devices: [],
    ttlMs: null,
    priority: 0,
    pinned: false,
    restart: "always",
  };
}

function tooMany(
  { numReplicas, instanceBytes, device, routerBytes }: ReplicasParts,
  numFitting: number,
): PagodaError {
  const neededBytes = numReplicas * instanceBytes + routerBytes;
  const perInstance = Math.floor((device.availableBytes - routerBytes) / numReplicas);
  return new PagodaError(
    "memory_too_small",
    `${numReplicas} replicas of ${formatBytes(instanceBytes)} need ${formatBytes(neededBytes)} with the router, and ${formatBytes(device.availableBytes)} are available.`,
    {
      param: "replicas",
      hint:
        numFitting >= 2
          ? `Use --replicas ${numFitting}, or at most ${formatBytes(perInstance)} for each.`
          : `Leave --replicas out, or give each at most ${formatBytes(perInstance)}.`,
    },
  );
}
