/** @module The devices of this machine: its processors, and the cards that nvidia-smi tells of. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { mib } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import { readDeviceMemory } from "../../instance/index.ts";
import type { DeviceSpec } from "../desired/fleet-spec.ts";
import type { DeviceProcess, FleetDevice } from "./device.ts";

/** Asks nvidia-smi; null: there is none, or it does not answer. */
type AskCards = (about: string, fields: string) => Promise<string | null>;

/** The devices of a fleet, read again and again. Cards are asked by a program, which is not started while it runs. */
export class DeviceReadings {
  readonly #declared: readonly DeviceSpec[];
  readonly #ask: AskCards;
  readonly #clock: () => number;
  #cards: Promise<readonly FleetDevice[]> | null = null;
  /** What they last said. */
  #known: readonly FleetDevice[] = [];
  #askedMs = 0;
  /** No card at the first look: none is looked for again. */
  #hasNoCards = false;

  /** `clock`: monotonic milliseconds. */
  constructor(
    declared: readonly DeviceSpec[],
    clock: () => number = () => performance.now(),
    ask: AskCards = asked,
  ) {
    this.#declared = declared;
    this.#clock = clock;
    this.#ask = ask;
  }

  /**
   * The devices as they are now; what cards say is at most `mostAgeMs` old. Where any device is declared, the others are left
   * alone.
   * @throws PagodaError `invalid_option` where a declared device is not there.
   */
  async now(mostAgeMs: number): Promise<readonly FleetDevice[]> {
    const cards = await this.#cardsWithin(mostAgeMs);
    return asDeclared([processorsNow(), ...cards], this.#declared);
  }

  #cardsWithin(mostAgeMs: number): Promise<readonly FleetDevice[]> {
    if (this.#hasNoCards) return Promise.resolve([]);
    if (this.#cards === null || this.#clock() - this.#askedMs > mostAgeMs) {
      const isFirst = this.#cards === null;
      this.#askedMs = this.#clock();
      this.#cards = cardsBy(this.#ask).then((found) => {
        this.#hasNoCards = isFirst && found.length === 0;
        // A program that fails once says nothing of the cards.
        if (found.length > 0) this.#known = found;
        return this.#known;
      });
    }
    return this.#cards;
  }
}

/** Those that are there now, with the totals and margins that are declared. */
export function findDevices(declared: readonly DeviceSpec[]): Promise<readonly FleetDevice[]> {
  return new DeviceReadings(declared).now(0);
}

/** @throws PagodaError `invalid_option` where a declared device is not there. */
function asDeclared(found: readonly FleetDevice[], declared: readonly DeviceSpec[]): readonly FleetDevice[] {
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
async function cardsBy(ask: AskCards): Promise<readonly FleetDevice[]> {
  const [text, processes] = await Promise.all([
    ask("gpu", "index,uuid,name,memory.total,memory.used"),
    ask("compute-apps", "gpu_uuid,pid,used_memory,process_name"),
  ]);
  const found = text === null ? [] : text.split("\n").flatMap((line) => cardOf(line) ?? []);
  return found.map((card) => ({
    ...card,
    processes: processes === null ? null : processesOn(card.driverId ?? "", processes),
  }));
}

const run = promisify(execFile);

async function asked(about: string, fields: string): Promise<string | null> {
  try {
    const words = [`--query-${about}=${fields}`, "--format=csv,noheader,nounits"];
    return (await run("nvidia-smi", words, { timeout: 10_000 })).stdout;
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
