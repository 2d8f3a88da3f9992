/** @module Processor time that other processes of this machine took while something was measured. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** A clock tick of /proc/stat on Linux (USER_HZ). */
const msPerTick = 10;

export interface CpuReading {
  readonly atMs: number;
  /** Of all processors, milliseconds since the boot. */
  readonly allBusyMs: number;
  readonly ownMs: number;
}

/** null where the system has no /proc/stat. */
export function readCpu(): CpuReading | null {
  try {
    const [first = ""] = readFileSync("/proc/stat", "utf8").split("\n");
    const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = first.split(/\s+/).map(Number);
    const own = process.cpuUsage();
    return {
      atMs: performance.now(),
      allBusyMs: (user + nice + system + irq + softirq) * msPerTick,
      ownMs: (own.user + own.system) / 1000,
    };
  } catch {
    return null;
  }
}

/** Share of all processors that others took between two readings, 0 to 1; null where nothing was read. */
export function otherCpuShare(before: CpuReading | null, after: CpuReading | null): number | null {
  if (before === null || after === null || after.atMs <= before.atMs) return null;
  const others = after.allBusyMs - before.allBusyMs - (after.ownMs - before.ownMs);
  const share = others / (after.atMs - before.atMs) / availableParallelism();
  return Math.min(1, Math.max(0, share));
}
