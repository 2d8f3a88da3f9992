/** @module A device of this machine on which instances run: its processors with their memory, or a card. */

export interface FleetDevice {
  /** `cpu`, `gpu0`, `gpu1` … */
  readonly deviceId: string;
  /** Cards of one kind have one name. */
  readonly kind: string;
  readonly runs: "processors" | "cards";
  /** How its driver names it; null: there is no need to. */
  readonly driverId: string | null;
  readonly totalBytes: number;
  readonly marginBytes: number;
  /** What is in use now, ours and others'. */
  readonly usedBytes: number;
  /** Who uses it; null: the system does not tell. */
  readonly processes: readonly DeviceProcess[] | null;
}

/** The devices as they are now; what cards say may be `mostAgeMs` old. */
export type ReadDevices = (mostAgeMs: number) => Promise<readonly FleetDevice[]>;

export interface DeviceProcess {
  readonly pid: number;
  readonly name: string;
  readonly heldBytes: number;
}
