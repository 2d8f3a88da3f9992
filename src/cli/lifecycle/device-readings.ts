/** @module The devices of this machine for the observatory. */
import { readDeviceMemory } from "../../instance/index.ts";
import type { DeviceReading } from "../../server/observatory/devices.ts";

/** The machine's memory, or the container's. What this process does not hold and nobody can have is someone else's. */
export function readDevices(): readonly DeviceReading[] {
  const { totalBytes, availableBytes } = readDeviceMemory();
  const residentBytes = process.memoryUsage.rss();
  // `availableBytes` counts what this process holds as available.
  const freeBytes = Math.max(0, availableBytes - residentBytes);
  const heldBytes = Math.max(0, totalBytes - freeBytes - residentBytes);
  return [
    {
      deviceId: "cpu",
      kind: "cpu",
      name: "memory of this machine",
      totalBytes,
      freeBytes,
      foreign: [{ pid: null, name: "other processes", heldBytes }],
    },
  ];
}
