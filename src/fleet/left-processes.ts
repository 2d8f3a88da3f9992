/** @module The processes that an earlier supervisor of a fleet has left: found by what its store says and by their mark. */
import { readFileSync } from "node:fs";
import { isRunning, processesTagged } from "../process/process-identity.ts";
import { proportionalMemory } from "../process/process-memory.ts";
import type { FleetDevice } from "./devices/device.ts";
import { adoptInstance, tagVariable } from "./instances/instance-process.ts";
import type { FleetStore, InstanceRecord } from "./store/fleet-store.ts";

/** Of the machine's start. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** Instances of an earlier supervisor whose own process still runs. */
export function runningRecords(store: FleetStore, boot: string): InstanceRecord[] {
  return store
    .instances()
    .filter(({ process, bootId: own }) => own === boot && process !== null && isRunning(process));
}

/** Bytes by device; of a card that does not tell who uses it, what the instances were promised. */
export function heldBy(
  records: readonly InstanceRecord[],
  devices: readonly FleetDevice[],
): ReadonlyMap<string, number> {
  const held = new Map<string, number>();
  for (const { tag, demands } of records) {
    const pids = processesTagged(tagVariable, tag).map(({ pid }) => pid);
    for (const { deviceId, plannedBytes } of demands) {
      const device = devices.find((known) => known.deviceId === deviceId);
      const onCard = device?.processes?.filter(({ pid }) => pids.includes(pid)) ?? [];
      const bytes =
        device?.runs === "processors"
          ? proportionalMemory(pids).unreclaimableBytes
          : onCard.length === 0
            ? plannedBytes
            : onCard.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
      held.set(deviceId, (held.get(deviceId) ?? 0) + bytes);
    }
  }
  return held;
}

/** Ends what is left of every recorded start, but for those that are kept: a tree may outlive its own first process. */
export async function forgetAllBut(
  store: FleetStore,
  boot: string,
  kept: ReadonlySet<string>,
): Promise<void> {
  for (const { instanceId, process, bootId: own, tag } of store.instances()) {
    if (kept.has(instanceId)) continue;
    if (process !== null && own === boot) await adoptInstance(process, "", tag).sweep();
    store.removeInstance(instanceId);
  }
}

const lookEveryMs = 20;
const goneWithinMs = 10_000;

/** Kills the processes of this fleet that belong to no known start: only those that carry its own mark. */
export async function endStrays(fleetTag: string, known: ReadonlySet<string>): Promise<void> {
  const deadlineMs = performance.now() + goneWithinMs;
  for (;;) {
    const strays = processesTagged(tagVariable, `${fleetTag}/`).filter(({ value }) => !known.has(value));
    if (strays.length === 0 || performance.now() > deadlineMs) return;
    for (const { pid } of strays) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    await new Promise((wake) => setTimeout(wake, lookEveryMs));
  }
}
