/** @module The models, instances and devices of a fleet as tables for people. */
import type { FleetDevice, FleetInstance, FleetView } from "../../api/admin/fleet.ts";
import { formatBytes } from "../../core/byte-size.ts";

const bytes = (value: number | null): string => (value === null ? "-" : formatBytes(value));

/** Columns as wide as their widest cell; those of numbers are aligned at their right. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: ReadonlySet<number>,
): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) =>
        numbers.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}

/** One row for each holder of a device, then what is left of it. */
function deviceTable(device: FleetDevice): string[] {
  const rows = [
    ...device.entries.map(({ instanceId, plannedBytes, reservedBytes, heldBytes }) => [
      `  ${instanceId}`,
      bytes(plannedBytes),
      bytes(reservedBytes),
      bytes(heldBytes),
    ]),
    ["  others", "-", "-", bytes(device.foreignBytes)],
    ["  available", "-", bytes(device.availableBytes), "-"],
    ["  total", "-", bytes(device.totalBytes), "-"],
  ];
  return table([device.deviceId, "planned", "reserved", "held"], rows, new Set([1, 2, 3]));
}

function instanceRow({ instanceId, state, pid, port, numOpen, reason }: FleetInstance): string[] {
  return [`  ${instanceId}`, state, String(pid ?? "-"), String(port ?? "-"), String(numOpen), reason];
}

export function fleetTable({ models, instances, devices }: FleetView): string {
  const rows = models.flatMap((model) => {
    const { name, aliases, engine, state, numWaiting, failure } = model;
    const others = aliases.length === 0 ? "" : ` (${aliases.join(", ")})`;
    const why = failure === null ? `${engine}${numWaiting > 0 ? `, ${numWaiting} waiting` : ""}` : failure;
    return [
      [`${name}${others}`, state, "", "", "", why],
      ...instances.filter((instance) => instance.model === name).map(instanceRow),
    ];
  });
  return [
    ...table(["model", "state", "pid", "port", "requests", ""], rows, new Set([2, 3, 4])),
    "",
    ...devices.flatMap((device) => [...deviceTable(device), ""]),
  ]
    .join("\n")
    .trimEnd();
}
