/** @module What the instances of a fleet hold of each device, and what others do. */
import type { FleetDevice } from "./devices/device.ts";
import type { Holdings } from "./instances/holdings.ts";
import type { SupervisedInstance } from "./instances/supervised-instance.ts";
import type { ForeignProcess, Ledger } from "./ledger/ledger.ts";

/** Counts and books it. `ownEntry`: where this very process is booked. */
export function measureFleet(
  instances: readonly SupervisedInstance[],
  holdings: Holdings,
  readings: readonly FleetDevice[],
  ledger: Ledger,
  ownEntry: string,
): void {
  holdings.count(instances.flatMap(({ tree }) => tree ?? []));
  const cards = new Cards(readings);
  let hostBytes = 0;
  for (const instance of instances)
    hostBytes += instance.measure((deviceId, pids) => cards.take(deviceId, pids));
  const own = holdings.own();
  for (const { deviceId, runs, usedBytes } of readings) {
    if (runs === "processors") {
      const ours = hostBytes + own.unreclaimableBytes;
      ledger.measureForeign(deviceId, [others(usedBytes - ours)]);
      ledger.measure(ownEntry, deviceId, own.heldBytes);
    } else ledger.measureForeign(deviceId, cards.left(deviceId, usedBytes, ledger));
  }
}

const others = (heldBytes: number): ForeignProcess => ({
  pid: null,
  name: "other processes",
  heldBytes: Math.max(0, heldBytes),
});

/** Processes on cards, each of them the fleet's or somebody else's. */
class Cards {
  readonly #processes: ReadonlyMap<string, ReadonlyMap<number, ForeignProcess> | null>;
  readonly #taken = new Set<string>();

  constructor(readings: readonly FleetDevice[]) {
    this.#processes = new Map(
      readings.map(({ deviceId, processes }) => [
        deviceId,
        processes === null ? null : new Map(processes.map((one) => [one.pid, one])),
      ]),
    );
  }

  /** Bytes of these processes on a card; null where the card does not tell, or shows none of them. */
  take(deviceId: string, pids: readonly number[]): number | null {
    const known = this.#processes.get(deviceId) ?? null;
    if (known === null) return null;
    const found = pids.flatMap((pid) => known.get(pid) ?? []);
    for (const { pid } of found) this.#taken.add(`${deviceId} ${pid}`);
    // In a container of its own, a card shows the process ids of another name space.
    return found.length === 0 ? null : found.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }

  /** What is not the fleet's: by process where the card tells; all that is used and not reserved, where it does not. */
  left(deviceId: string, usedBytes: number, ledger: Ledger): ForeignProcess[] {
    const known = [...(this.#processes.get(deviceId)?.values() ?? [])];
    const foreign = known.filter(({ pid }) => !this.#taken.has(`${deviceId} ${pid}`));
    const { entries, reservedBytes } = ledger.device(deviceId);
    // An instance that was not measured may be any of them: nobody is told twice.
    if (entries.some(({ heldBytes }) => heldBytes === null)) return [others(usedBytes - reservedBytes)];
    const told = foreign.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
    const ours = entries.reduce((sum, { heldBytes }) => sum + (heldBytes ?? 0), 0);
    // Contexts, the driver, and processes that are not shown.
    const rest = usedBytes - ours - told;
    return rest > 0 ? [...foreign, { ...others(rest), name: "not shown by process" }] : foreign;
  }
}
