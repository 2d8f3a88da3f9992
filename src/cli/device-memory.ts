/** @module What this machine, or the container it is in, has of memory. */
import { totalmem } from "node:os";
import type { DeviceMemory } from "../core/budget.ts";
import { readProcessMemory } from "./process-memory.ts";

/**
 * Total: the smaller of the container's limit and physical memory. Available: what can still be had, and what this
 * process holds already, for that is part of the instance.
 */
export function readDeviceMemory(): DeviceMemory {
  const physicalBytes = totalmem();
  // 0, or more than there is, where the process is in no container.
  const limitBytes = process.constrainedMemory();
  const totalBytes = limitBytes > 0 ? Math.min(physicalBytes, limitBytes) : physicalBytes;
  const availableBytes = Math.min(totalBytes, process.availableMemory() + readProcessMemory().residentBytes);
  return { totalBytes, availableBytes };
}
