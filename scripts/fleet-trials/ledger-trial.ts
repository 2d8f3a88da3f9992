/**
 * @module What the ledger says that instances hold, beside what /proc says at the same moment, each second, under load, kills
 * and restarts.
 */
import type { FleetView } from "../../src/api/admin/fleet.ts";
import { mib } from "../../src/core/byte-size.ts";
import { proportionalMemory } from "../../src/process/process-memory.ts";
import { pause, RealFleet, type RequestEnd } from "./real-fleet.ts";

export interface LedgerTrial {
  readonly numLooks: number;
  /** Looks at which no instance was starting or ending. */
  readonly numSteadyLooks: number;
  readonly numInstanceLooks: number;
  readonly numNegative: number;
  readonly numAboveReserved: number;
  /** Differences of instances that are ready, as parts of what /proc says, ascending. */
  readonly differences: readonly number[];
  /** Of the sums over all instances at looks at which all were ready, ascending. */
  readonly sumDifferences: readonly number[];
  readonly numKills: number;
  readonly numRestarts: number;
  readonly ends: Readonly<Record<RequestEnd, number>>;
  readonly numLeft: number;
  readonly leastAvailableMib: number;
}

const numInstances = 3;
const numClients = 4;
const killEverySeconds = 20;

export async function ledgerTrial(model: string, seconds: number, memory: string): Promise<LedgerTrial> {
  const fleet = new RealFleet(
    "ledger",
    `name: ledger\nserver: {port: 0}\nmodels:\n  m: {model: ${model}, memory: ${memory}, replicas: ${numInstances}, flags: {max-model-len: 1024}}\n`,
  );
  const looks = new LedgerLooks();
  const ends: Record<RequestEnd, number> = { whole: 0, refused: 0, broken: 0, unreachable: 0 };
  let isDone = false;
  let [numKills, numRestarts, numLeft] = [0, 0, -1];
  try {
    await fleet.up();
    const clients = Array.from({ length: numClients }, async (_, client) => {
      while (!isDone) ends[await fleet.complete("m", 8 + 8 * client, client % 2 === 0)] += 1;
    });
    for (let second = 1; second <= seconds; second += 1) {
      await pause(1000);
      if (second % killEverySeconds === killEverySeconds / 2) numKills += await killOne(fleet);
      looks.add(await fleet.view(), fleet.processes());
    }
    const { events } = await fleet.view();
    numRestarts = events.filter(({ state }) => state === "starting").length - numInstances;
    isDone = true;
    await Promise.all(clients);
  } finally {
    isDone = true;
    numLeft = await fleet.end();
  }
  return { ...looks.result(), numKills, numRestarts, ends, numLeft };
}

/** Returns how many were killed. */
async function killOne(fleet: RealFleet): Promise<number> {
  const victim = (await fleet.view()).instances.find(({ state }) => state === "ready");
  if (victim === undefined || victim.pid === null) return 0;
  process.kill(victim.pid, "SIGKILL");
  return 1;
}

class LedgerLooks {
  readonly #differences: number[] = [];
  readonly #sumDifferences: number[] = [];
  #numLooks = 0;
  #numNegative = 0;
  #numAboveReserved = 0;
  #leastAvailableBytes = Number.POSITIVE_INFINITY;

  add({ instances, devices }: FleetView, processes: ReturnType<RealFleet["processes"]>): void {
    const cpu = devices.find(({ deviceId }) => deviceId === "cpu");
    if (cpu === undefined) throw new TypeError("a machine has processors");
    this.#numLooks += 1;
    this.#leastAvailableBytes = Math.min(this.#leastAvailableBytes, cpu.availableBytes);
    let [heldSum, actualSum, numCompared] = [0, 0, 0];
    for (const { instanceId, heldBytes, reservedBytes } of cpu.entries) {
      if (heldBytes === null) continue;
      if (heldBytes < 0) this.#numNegative += 1;
      if (heldBytes > reservedBytes) this.#numAboveReserved += 1;
      const isReady = instances.some((one) => one.instanceId === instanceId && one.state === "ready");
      const own = processes.filter((one) => one.instanceId === instanceId);
      const actualBytes = proportionalMemory(own.map(({ pid }) => pid)).heldBytes;
      if (!isReady || actualBytes === 0) continue;
      numCompared += 1;
      heldSum += heldBytes;
      actualSum += actualBytes;
      this.#differences.push(Math.abs(heldBytes - actualBytes) / actualBytes);
    }
    if (numCompared === numInstances) this.#sumDifferences.push(Math.abs(heldSum - actualSum) / actualSum);
  }

  result(): Omit<LedgerTrial, "numKills" | "numRestarts" | "ends" | "numLeft"> {
    return {
      numLooks: this.#numLooks,
      numSteadyLooks: this.#sumDifferences.length,
      numInstanceLooks: this.#differences.length,
      numNegative: this.#numNegative,
      numAboveReserved: this.#numAboveReserved,
      differences: this.#differences.toSorted((a, b) => a - b),
      sumDifferences: this.#sumDifferences.toSorted((a, b) => a - b),
      leastAvailableMib: Math.round(this.#leastAvailableBytes / mib),
    };
  }
}
