/** @module The devices of this machine: its processors, and the cards that nvidia-smi tells of. */
import { execFileSync } from "node:child_process";
import { mib } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import { readDeviceMemory } from "../../instance/index.ts";
import type { DeviceSpec } from "../desired/fleet-spec.ts";
import type { DeviceProcess, FleetDevice } from "./device.ts";

/**
 * Those that are there, with the totals and margins that are declared. Where any is declared, the others are left alone.
 * @throws PagodaError `invalid_option` where a declared device is not there and its memory is not stated.
 */
export function findDevices(declared: readonly DeviceSpec[]): FleetDevice[] {
  const found = [processorsNow(), ...cards()];
  if (declared.length === 0) return found;
  return declared.map((spec) => {
    const device = found.find(({ deviceId }) => deviceId === spec.deviceId);
    if (device !== undefined)
      return { ...device, marginBytes: spec.marginBytes, totalBytes: spec.totalBytes ?? device.totalBytes };
    const there = found.map(({ deviceId }) => deviceId);
    const [near = there.join(" or ")] = nearestNames(spec.deviceId, there, 1);
    throw new PagodaError(
      "invalid_option",
      `This machine has no device ${spec.deviceId}; it has ${there.join(", ")}.`,
      {
        hint: `Use ${near}.`,
        param: "devices",
      },
    );
  });
}

/** The machine's memory, or the container's, with what is in use of it. */
export function processorsNow(): FleetDevice {
  const { totalBytes, availableBytes } = readDeviceMemory();
  return {
    deviceId: "cpu",
    kind: "cpu",
    runs: "processors",
    driverId: null,
    totalBytes,
    marginBytes: 0,
    usedBytes: Math.max(0, totalBytes - availableBytes),
    processes: null,
  };
}

/** None where there is no nvidia-smi. */
function cards(): FleetDevice[] {
  const text = asked("gpu", "index,uuid,name,memory.total,memory.used");
  const found = text === null ? [] : text.split("\n").flatMap((line) => cardOf(line) ?? []);
  if (found.length === 0) return [];
  const processes = asked("compute-apps", "gpu_uuid,pid,used_memory,process_name");
  return found.map((card) => ({
    ...card,
    processes: processes === null ? null : processesOn(card.driverId ?? "", processes),
  }));
}

function asked(about: string, fields: string): string | null {
  try {
    return execFileSync("nvidia-smi", [`--query-${about}=${fields}`, "--format=csv,noheader,nounits"], {
      encoding: "utf8",
      timeout: 10_000,
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return null;
  }
}

/**
 * Processes of one card in lines of `--query-compute-apps=gpu_uuid,pid,used_memory,process_name`, MiB. null where one of them
 * states no bytes, as under WSL, MIG and some virtual machines: sums would be wrong.
 */
export function processesOn(uuid: string, text: string): readonly DeviceProcess[] | null {
  const found: DeviceProcess[] = [];
  for (const line of text.split("\n")) {
    const [card = "", pid = "", used = "", ...name] = line.split(",").map((field) => field.trim());
    if (card !== uuid || !/^\d+$/.test(pid)) continue;
    if (!/^\d+$/.test(used)) return null;
    found.push({ pid: Number(pid), name: name.join(","), heldBytes: Number(used) * mib });
  }
  return found;
}

/** One line of `--query-gpu=index,uuid,name,memory.total,memory.used`, MiB; null where it is none. */
export function cardOf(line: string): FleetDevice | null {
  const [index = "", uuid = "", name = "", total = "", used = ""] = line
    .split(",")
    .map((field) => field.trim());
  if (!/^\d+$/.test(index) || !/^\d+$/.test(total)) return null;
  return {
    deviceId: `gpu${index}`,
    kind: name,
    runs: "cards",
    driverId: uuid,
    totalBytes: Number(total) * mib,
    marginBytes: 0,
    usedBytes: /^\d+$/.test(used) ? Number(used) * mib : 0,
    processes: null,
  };
}
