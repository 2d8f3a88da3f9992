/** @module The instances of a fleet and the bytes of its devices, as a table for people. */
import type { FleetDevice, FleetView } from "../../api/admin/fleet.ts";
import { formatBytes } from "../../core/byte-size.ts";

const cell = (bytes: number | null): string => (bytes === null ? "-" : formatBytes(bytes)).padStart(11);

/** One row for each holder of a device, then what is left of it. */
function deviceRows(device: FleetDevice, width: number): string[] {
  const row = (name: string, reserved: number | null, held: number | null): string =>
    `  ${name.padEnd(width)}${cell(reserved)}${cell(held)}`;
  return [
    `${device.deviceId.padEnd(width + 2)}${"reserved".padStart(11)}${"held".padStart(11)}`,
    ...device.entries.map(({ instanceId, reservedBytes, heldBytes }) =>
      row(instanceId, reservedBytes, heldBytes),
    ),
    row("others", null, device.foreignBytes),
    row("available", device.availableBytes, null),
    row("total", device.totalBytes, null),
  ];
}

export function fleetTable({ instances, devices }: FleetView): string {
  const names = [...instances.map(({ instanceId }) => instanceId), "available"];
  const width = Math.max(...names.map((name) => name.length)) + 2;
  const states = instances.map(
    ({ instanceId, state, reason }) => `  ${instanceId.padEnd(width)} ${state}: ${reason}`,
  );
  return [...devices.flatMap((device) => deviceRows(device, width)), "", "instances", ...states].join("\n");
}
