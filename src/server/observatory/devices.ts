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

export function devicesOf(
  readings: readonly DeviceReading[],
  instances: Readonly<Record<string, InstanceSnapshot>>,
  booked: readonly FleetDevice[],
): Record<string, DeviceSnapshot> {
  const devices: Record<string, DeviceSnapshot> = {};
  for (const { foreign, ...reading } of readings) {
    const own = Object.values(instances)
      .filter(({ deviceIds }) => deviceIds.includes(reading.deviceId))
      .map(holderOf);
    const strangers = foreign.map(({ pid, name, heldBytes }) => ({
      kind: "foreign" as const,
      name,
      pid,
      plannedBytes: null,
      heldBytes,
    }));
    const holders = [...own.map((holder) => withBooking(holder, reading.deviceId, booked)), ...strangers];
    devices[reading.deviceId] = { ...reading, holders };
  }
  return devices;
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
