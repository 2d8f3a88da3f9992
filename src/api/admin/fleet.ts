/** @module `/admin/fleet`: the models of a fleet, their instances, who holds which bytes of each device, and how to change it. */
import type { Endpoint } from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";
import type { RouterSettings } from "./observatory/settings.ts";

export interface FleetInstance {
  readonly instanceId: string;
  readonly model: string;
  readonly state: string;
  /** Why it is in that state. */
  readonly reason: string;
  readonly pid: number | null;
  readonly port: number | null;
  readonly deviceIds: readonly string[];
  /** Requests on their way there. */
  readonly numOpen: number;
  /** How long its last start took; null before the first. */
  readonly startMs: number | null;
}

export interface FleetModelView {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly engine: string;
  readonly state: string;
  /** Why it has failed; null where it has not. */
  readonly failure: string | null;
  readonly replicas: { readonly min: number; readonly max: number };
  readonly pinned: boolean;
  /** Requests that wait for an instance. */
  readonly numWaiting: number;
  /** Since its last request; 0 while it has one. */
  readonly idleMs: number;
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

export interface FleetEventView {
  readonly atUnixMs: number;
  readonly instanceId: string;
  readonly state: string;
  readonly reason: string;
}

export interface FleetView {
  readonly schema: "pagoda.fleet/2";
  readonly name: string;
  readonly models: readonly FleetModelView[];
  readonly instances: readonly FleetInstance[];
  readonly devices: readonly FleetDevice[];
  /** The last ones, the oldest of them first. */
  readonly events: readonly FleetEventView[];
}

export interface AppliedView {
  readonly schema: "pagoda.apply/1";
  readonly isDryRun: boolean;
  /** In the order in which they are taken, or were. */
  readonly steps: readonly string[];
}

export const fleetActions = ["drain", "restart", "sleep", "wake", "scale"] as const;
export type FleetAction = (typeof fleetActions)[number];

/** What the server asks of a fleet. */
export interface FleetService {
  view(): FleetView;
  /** Of every instance that takes requests, by its id. */
  endpoints(): ReadonlyMap<string, Endpoint>;
  /** Of all its models at once. */
  readonly router: RouterControl;
  /** null: its instances are those of a command line, and stay as they are. */
  readonly control: FleetControl | null;
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

/** Changes of a fleet that runs; the commands and the routes call the same. */
export interface FleetControl {
  /** Whether this is the key of the fleet. */
  isAdmin(key: string): boolean;
  /** A document of the form of a fleet file. @throws PagodaError where it is wrong, does not fit, or a step fails. */
  apply(document: unknown, isDryRun: boolean): Promise<AppliedView>;
  /**
   * @param name of a model, or of one instance where the action is `drain` or `restart`.
   * @param replicas for `scale` alone.
   */
  act(name: string, action: FleetAction, replicas: number | null): Promise<void>;
}

/** The `replicas` of a body of `scale`. @throws PagodaError `invalid_request`. */
export function replicasOf(body: unknown): number {
  const value = typeof body === "object" && body !== null && "replicas" in body ? body.replicas : undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 256) return value;
  throw new PagodaError("invalid_request", "'replicas' must be a whole number from 0 to 256.", {
    param: "replicas",
    hint: 'Send {"replicas": 2}.',
  });
}
