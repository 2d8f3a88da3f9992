/**
 * @module The ledger: who may hold which bytes of each device, and who does hold them.
 *
 * Four words, told apart everywhere:
 * - planned: what the plan of an instance says it will hold at most;
 * - reserved: what no one else may be promised; planned bytes before the start, never less than what is held;
 * - held: what was measured, `null` until the first measurement;
 * - foreign: what processes hold that this fleet did not start.
 *
 * `reserve` is the only way in and refuses what would break the invariant reserved + foreign + margin ≤ total. Foreign
 * bytes may grow afterwards; the ledger cannot prevent that, so it reports the shortfall and grants nothing more.
 */
import { formatBytes } from "../../core/byte-size.ts";
import { invariant, PagodaError } from "../../core/errors.ts";

export interface LedgerDevice {
  readonly deviceId: string;
  readonly totalBytes: number;
  /** Bytes that are never promised: measuring errors, fragmentation of the driver. */
  readonly marginBytes: number;
}

/** What one instance takes of one device. */
export interface Demand {
  readonly deviceId: string;
  readonly plannedBytes: number;
}

export interface ForeignProcess {
  readonly pid: number | null;
  readonly name: string;
  readonly heldBytes: number;
}

export interface LedgerEntry {
  readonly instanceId: string;
  readonly plannedBytes: number;
  readonly reservedBytes: number;
  readonly heldBytes: number | null;
}

export interface DeviceLedger {
  readonly deviceId: string;
  readonly totalBytes: number;
  readonly marginBytes: number;
  readonly reservedBytes: number;
  readonly heldBytes: number;
  readonly foreignBytes: number;
  /** total − margin − foreign − reserved; negative where foreign bytes have taken what was promised. */
  readonly availableBytes: number;
  readonly entries: readonly LedgerEntry[];
  readonly foreign: readonly ForeignProcess[];
}

interface Entry {
  readonly plannedBytes: number;
  /** It sleeps: only what it holds is reserved. */
  isResting: boolean;
  reservedBytes: number;
  heldBytes: number | null;
}

interface Account {
  readonly device: LedgerDevice;
  readonly entries: Map<string, Entry>;
  foreign: readonly ForeignProcess[];
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

export class Ledger {
  readonly #accounts = new Map<string, Account>();

  constructor(devices: readonly LedgerDevice[]) {
    for (const device of devices) {
      invariant(!this.#accounts.has(device.deviceId), () => `two devices are called ${device.deviceId}`);
      this.#accounts.set(device.deviceId, { device, entries: new Map(), foreign: [] });
    }
  }

  /**
   * Promises the bytes of every demand to the instance, or none of them.
   * @throws PagodaError `memory_too_small` with the device, what is needed, what is available and who holds the rest.
   */
  reserve(instanceId: string, demands: readonly Demand[]): void {
    for (const { deviceId, plannedBytes } of demands) {
      const account = this.#account(deviceId);
      invariant(!account.entries.has(instanceId), () => `${instanceId} already has bytes of ${deviceId}`);
      invariant(
        Number.isSafeInteger(plannedBytes) && plannedBytes >= 0,
        () => `${instanceId} asks for ${plannedBytes} bytes`,
      );
      this.assertRoom(instanceId, { deviceId, plannedBytes });
    }
    invariant(
      new Set(demands.map(({ deviceId }) => deviceId)).size === demands.length,
      () => `${instanceId} names a device twice`,
    );
    for (const { deviceId, plannedBytes } of demands)
      this.#account(deviceId).entries.set(instanceId, {
        plannedBytes,
        isResting: false,
        reservedBytes: plannedBytes,
        heldBytes: null,
      });
  }

  /** An instance that sleeps keeps what it was measured to hold, and all that was planned where nothing was measured. */
  rest(instanceId: string): void {
    for (const { entries } of this.#accounts.values()) {
      const entry = entries.get(instanceId);
      if (entry === undefined) continue;
      entry.isResting = true;
      entry.reservedBytes = entry.heldBytes ?? entry.plannedBytes;
    }
  }

  /**
   * Promises an instance that sleeps all its planned bytes again, on every device or on none.
   * @throws PagodaError `memory_too_small` where others have been promised them meanwhile.
   */
  rouse(instanceId: string): void {
    const resting = [...this.#accounts.values()].flatMap(({ device, entries }) => {
      const entry = entries.get(instanceId);
      return entry?.isResting === true ? [{ deviceId: device.deviceId, entry }] : [];
    });
    for (const { deviceId, entry } of resting)
      this.assertRoom(instanceId, {
        deviceId,
        plannedBytes: Math.max(0, entry.plannedBytes - entry.reservedBytes),
      });
    for (const { entry } of resting) {
      entry.isResting = false;
      entry.reservedBytes = Math.max(entry.plannedBytes, entry.heldBytes ?? 0);
    }
  }

  /** @throws PagodaError `memory_too_small` as `reserve` does. */
  assertRoom(instanceId: string, { deviceId, plannedBytes }: Demand): void {
    const device = this.device(deviceId);
    if (plannedBytes > device.availableBytes) throw refusal(instanceId, plannedBytes, device);
  }

  /**
   * Books what an instance was measured to hold. Bytes above the plan are reserved too: they are gone for everyone else.
   * Returns by how many bytes the measurement is above the plan (0: it is not).
   */
  measure(instanceId: string, deviceId: string, heldBytes: number): number {
    const entry = this.#account(deviceId).entries.get(instanceId);
    invariant(entry !== undefined, () => `${instanceId} has no bytes of ${deviceId}`);
    entry.heldBytes = heldBytes;
    entry.reservedBytes = entry.isResting ? heldBytes : Math.max(entry.plannedBytes, heldBytes);
    return Math.max(0, heldBytes - entry.plannedBytes);
  }

  /** Replaces what is known of other people's processes on a device. */
  measureForeign(deviceId: string, processes: readonly ForeignProcess[]): void {
    this.#account(deviceId).foreign = processes;
  }

  /** Gives everything back. Call it when the memory is back, not when the process is gone. */
  release(instanceId: string): void {
    for (const { entries } of this.#accounts.values()) entries.delete(instanceId);
  }

  device(deviceId: string): DeviceLedger {
    const { device, entries, foreign } = this.#account(deviceId);
    const reservedBytes = sumOf([...entries.values()].map((entry) => entry.reservedBytes));
    const foreignBytes = sumOf(foreign.map(({ heldBytes }) => heldBytes));
    return {
      ...device,
      reservedBytes,
      heldBytes: sumOf([...entries.values()].map((entry) => entry.heldBytes ?? 0)),
      foreignBytes,
      availableBytes: device.totalBytes - device.marginBytes - foreignBytes - reservedBytes,
      entries: [...entries].map(([instanceId, { plannedBytes, reservedBytes: reserved, heldBytes }]) => ({
        instanceId,
        plannedBytes,
        reservedBytes: reserved,
        heldBytes,
      })),
      foreign,
    };
  }

  devices(): DeviceLedger[] {
    return [...this.#accounts.keys()].map((deviceId) => this.device(deviceId));
  }

  #account(deviceId: string): Account {
    const account = this.#accounts.get(deviceId);
    invariant(account !== undefined, () => `the ledger has no device ${deviceId}`);
    return account;
  }
}

/** Names the largest holders first: they are what a person can act on. */
function refusal(instanceId: string, neededBytes: number, device: DeviceLedger): PagodaError {
  const holders = [
    ...device.entries.map((entry) => ({ name: entry.instanceId, bytes: entry.reservedBytes })),
    ...device.foreign.map(({ pid, name, heldBytes }) => ({
      name: pid === null ? name : `${name} (pid ${pid})`,
      bytes: heldBytes,
    })),
  ].sort((a, b) => b.bytes - a.bytes);
  const held = holders.slice(0, 3).map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`);
  const rest = held.length === 0 ? "" : `; the rest is taken by ${held.join(", ")}`;
  const availableBytes = Math.max(0, device.availableBytes);
  return new PagodaError(
    "memory_too_small",
    `${instanceId} needs ${formatBytes(neededBytes)} of ${device.deviceId}, which has ${formatBytes(availableBytes)} to give${rest}.`,
    { hint: `Plan it with at most ${formatBytes(availableBytes)}, or stop one of the others.` },
  );
}
