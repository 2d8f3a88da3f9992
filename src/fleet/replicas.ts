/** @module Identical instances of one model on one device: checked as a whole before the first of them is started. */
import { formatBytes } from "../core/byte-size.ts";
import { PagodaError } from "../core/errors.ts";
import type { EngineDriver } from "./drivers/contract/driver.ts";
import { Fleet } from "./fleet.ts";
import { StartLock } from "./instances/start-lock.ts";
import { type InstanceEvent, SupervisedInstance } from "./instances/supervised-instance.ts";
import { Ledger } from "./ledger/ledger.ts";
import { Router } from "./router/router.ts";

export interface ReplicasParts {
  readonly modelId: string;
  readonly numReplicas: number;
  /** The most bytes that one instance may hold. */
  readonly instanceBytes: number;
  /** The most bytes that this process itself may hold. */
  readonly routerBytes: number;
  readonly device: { readonly totalBytes: number; readonly availableBytes: number };
  readonly driver: EngineDriver;
  /** A folder for the instances' output. */
  readonly logFolder: string;
  readonly fleetTag: string;
  readonly graceMs: number;
  readonly freePort: () => Promise<number>;
  readonly onEvent: (event: InstanceEvent) => void;
}

const readyWithinMs = 600_000;

/** @throws PagodaError `memory_too_small` with the number of replicas that fit; nothing has been started then. */
export function replicatedFleet(parts: ReplicasParts): Fleet {
  const { device, numReplicas, instanceBytes, routerBytes, driver } = parts;
  const numFitting = Math.floor((device.availableBytes - routerBytes) / instanceBytes);
  if (numFitting < numReplicas) throw tooMany(parts, Math.max(0, numFitting));
  const ledger = new Ledger([{ deviceId: "cpu", totalBytes: device.totalBytes, marginBytes: 0 }]);
  const foreignBytes = Math.max(0, device.totalBytes - device.availableBytes);
  ledger.measureForeign("cpu", [{ pid: null, name: "other processes", heldBytes: foreignBytes }]);
  ledger.reserve("router", [{ deviceId: "cpu", plannedBytes: routerBytes }]);
  const router = new Router(parts.modelId);
  const startLock = new StartLock();
  const instances = Array.from({ length: numReplicas }, (_, index) => {
    const instanceId = `${parts.modelId}-${index}`;
    return new SupervisedInstance({
      instanceId,
      demands: [{ deviceId: "cpu", plannedBytes: instanceBytes }],
      driver,
      ledger,
      startLock,
      router,
      freePort: parts.freePort,
      logPath: `${parts.logFolder}/instance-${index}.log`,
      fleetTag: parts.fleetTag,
      readyWithinMs,
      graceMs: parts.graceMs,
      clock: () => performance.now(),
      random: Math.random,
      onEvent: parts.onEvent,
    });
  });
  return new Fleet(router, instances, ledger);
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
