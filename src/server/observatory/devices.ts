/** @module Devices of the snapshot: what the machine says, and who of this server holds what of it. */
import type { FleetDevice } from "../../api/admin/fleet.ts";
import type { DeviceHolder, DeviceSnapshot, InstanceSnapshot } from "../../api/admin/observatory/index.ts";

/** A device as the machine reports it, before its holders are known. */
export interface DeviceReading {
  readonly deviceId: string;
  readonly kind: "cpu" | "gpu";
  readonly name: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Processes that are not of this server, largest first, and a rest. */
  readonly foreign: readonly {
    readonly pid: number | null;
    readonly name: string;
    readonly heldBytes: number;
  }[];
}

const readEveryMs = 900;

/** A device is read less often than a snapshot is made. */
export function readSometimes(read: ReadDevices, clock: () => number): ReadDevices {
  let known: readonly DeviceReading[] | null = null;
  let readMs = 0;
  return () => {
    if (known === null || clock() - readMs > readEveryMs) {
      known = read();
      readMs = clock();
    }
    return known;
  };
}

export type ReadDevices = () => readonly DeviceReading[];

/** The server itself, where none of its instances is this process. */
export interface ServerProcess {
  readonly pid: number;
  readonly residentBytes: number;
}

/** Devices that the machine tells of, and those that only the fleet's ledger knows. */
export function devicesOf(
  readings: readonly DeviceReading[],
  instances: Readonly<Record<string, InstanceSnapshot>>,
  booked: readonly FleetDevice[],
  server: ServerProcess,
): Record<string, DeviceSnapshot> {
  const devices: Record<string, DeviceSnapshot> = {};
  const holdersOn = (deviceId: string): DeviceHolder[] =>
    Object.values(instances)
      .filter(({ deviceIds }) => deviceIds.includes(deviceId))
      .map((instance) => withBooking(holderOf(instance), deviceId, booked));
  for (const { foreign, ...reading } of readings) {
    const own = holdersOn(reading.deviceId);
    if (reading.kind === "cpu" && !own.some(({ pid }) => pid === server.pid)) own.push(serverHolder(server));
    const strangers = foreignHolders(foreign, own, server.pid);
    devices[reading.deviceId] = { ...reading, holders: largestFirst([...own, ...strangers]) };
  }
  for (const device of booked) devices[device.deviceId] ??= fromLedger(device, holdersOn(device.deviceId));
  return devices;
}

function serverHolder({ pid, residentBytes }: ServerProcess): DeviceHolder {
  return { kind: "server", name: "this server", pid, plannedBytes: null, heldBytes: residentBytes };
}

/** What the machine cannot name is everything but this process, so it has the other processes of the fleet in it. */
function foreignHolders(
  foreign: DeviceReading["foreign"],
  own: readonly DeviceHolder[],
  serverPid: number,
): DeviceHolder[] {
  const otherOwn = own.filter(({ pid }) => pid !== serverPid);
  const otherBytes = otherOwn.reduce((sum, { heldBytes }) => sum + (heldBytes ?? 0), 0);
  return foreign.map(({ pid, name, heldBytes }) => ({
    ...{ kind: "foreign", name, pid, plannedBytes: null },
    heldBytes: pid === null ? Math.max(0, heldBytes - otherBytes) : heldBytes,
  }));
}

function fromLedger(
  { deviceId, totalBytes, heldBytes, foreignBytes }: FleetDevice,
  own: readonly DeviceHolder[],
): DeviceSnapshot {
  const others: DeviceHolder[] =
    foreignBytes === 0
      ? []
      : [
          {
            ...{ kind: "foreign", name: "other processes", pid: null },
            ...{ plannedBytes: null, heldBytes: foreignBytes },
          },
        ];
  return {
    ...{ deviceId, kind: "gpu", name: deviceId, totalBytes },
    freeBytes: Math.max(0, totalBytes - heldBytes - foreignBytes),
    holders: largestFirst([...own, ...others]),
  };
}

function largestFirst(holders: readonly DeviceHolder[]): DeviceHolder[] {
  return holders.toSorted((a, b) => (b.heldBytes ?? 0) - (a.heldBytes ?? 0));
}

function holderOf({ instanceId, pid, memory }: InstanceSnapshot): DeviceHolder {
  const planned = memory?.components.map(({ plannedBytes }) => plannedBytes ?? 0) ?? [];
  return {
    kind: "instance",
    name: instanceId,
    pid,
    plannedBytes: memory === null ? null : planned.reduce((sum, bytes) => sum + bytes, 0),
    heldBytes: memory?.residentBytes ?? null,
  };
}

/** The fleet's ledger knows the bytes of an instance before it can be asked, and while it does not answer. */
function withBooking(holder: DeviceHolder, deviceId: string, booked: readonly FleetDevice[]): DeviceHolder {
  const device = booked.find((candidate) => candidate.deviceId === deviceId);
  const entry = device?.entries.find(({ instanceId }) => instanceId === holder.name);
  if (entry === undefined) return holder;
  return {
    ...holder,
    plannedBytes: holder.plannedBytes ?? entry.plannedBytes,
    heldBytes: holder.heldBytes ?? entry.heldBytes,
  };
}
