/** @module `GET /admin/fleet`: the instances of every model, and who holds which bytes of each device. */
import type { Endpoint } from "../../core/endpoint.ts";
import type { RouterSettings } from "./observatory/settings.ts";

export interface FleetInstance {
  readonly instanceId: string;
  readonly state: string;
  /** Why it is in that state. */
  readonly reason: string;
  readonly pid: number | null;
  /** Requests on their way there. */
  readonly numOpen: number;
}

export interface FleetDeviceEntry {
  readonly instanceId: string;
  readonly plannedBytes: number;
  readonly reservedBytes: number;
  /** Measured; null until the first time. */
  readonly heldBytes: number | null;
}

export interface FleetDevice {
  readonly deviceId: string;
  readonly totalBytes: number;
  readonly marginBytes: number;
  readonly reservedBytes: number;
  readonly heldBytes: number;
  readonly foreignBytes: number;
  readonly availableBytes: number;
  readonly entries: readonly FleetDeviceEntry[];
}

export interface FleetView {
  readonly schema: "pagoda.fleet/1";
  readonly model: string;
  /** Requests that wait for an instance. */
  readonly numWaiting: number;
  readonly instances: readonly FleetInstance[];
  readonly devices: readonly FleetDevice[];
}

/** What the server asks of a fleet. */
export interface FleetService {
  view(): FleetView;
  /** Of every instance that takes requests, by its id. */
  endpoints(): ReadonlyMap<string, Endpoint>;
  readonly router: RouterControl;
}

/** The router of a fleet, as far as it can be watched and changed. */
export interface RouterControl {
  readonly numWaiting: number;
  readonly numRunning: number;
  /** Milliseconds since the start during which at least one request waited here. */
  readonly waitedMs: number;
  /** Sequences at once of an instance; null where it is not known. */
  seatsOf(instanceId: string): number | null;
  settings(): RouterSettings;
  change(change: Partial<RouterSettings>): void;
}
