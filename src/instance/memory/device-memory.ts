/** @module What this machine, or the container it is in, has of memory. */
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import type { DeviceMemory } from "../../planner/engines/pagoda/index.ts";
import { reclaimableBytes } from "./control-group.ts";
import { readProcessMemory } from "./process-memory.ts";

/**
 * Total: the smaller of the container's limit and physical memory. Available: what can still be had, and what this
 * process holds already, for that is part of the instance.
 */
export function readDeviceMemory(): DeviceMemory {
  const physicalBytes = totalmem();
  // 0, or more than there is, where the process is in no container.
  const limitBytes = process.constrainedMemory();
  const isLimited = limitBytes > 0 && limitBytes <= physicalBytes;
  const totalBytes = isLimited ? limitBytes : physicalBytes;
  const availableBytes = availableBytesOf({
    totalBytes,
    freeBytes: process.availableMemory(),
    // Of a whole machine, Node says what the kernel does, which counts the cache as available; of a container it says
    // the limit less all that is in use, the cache too.
    reclaimableBytes: isLimited ? reclaimableBytes(readText) : 0,
    ownBytes: readProcessMemory().ownBytes,
  });
  return { totalBytes, availableBytes };
}

interface MemoryReadings {
  readonly totalBytes: number;
  /** Not in use, by Node's account. */
  readonly freeBytes: number;
  /** In use by caches that make room, this process's files among them. */
  readonly reclaimableBytes: number;
  /** Held by this process alone: what it gives back to the instance, of which it is part. */
  readonly ownBytes: number;
}

/** Never more than there is. */
export function availableBytesOf(readings: MemoryReadings): number {
  const { totalBytes, freeBytes, reclaimableBytes: cacheBytes, ownBytes } = readings;
  return Math.min(totalBytes, freeBytes + cacheBytes + ownBytes);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // another system, or another version of control groups
  }
}
