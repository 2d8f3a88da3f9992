/** @module What one instance of a model will hold, and the driver that starts it so. */
import type { Plan } from "../../planner/index.ts";
import type { ModelSpec } from "../desired/fleet-spec.ts";
import type { FleetDevice } from "../devices/device.ts";
import type { EngineDriver } from "../drivers/contract/driver.ts";

export interface InstancePlan {
  /** Where the engine runs. */
  readonly runs: FleetDevice["runs"];
  readonly numRanks: number;
  /** The most bytes that a rank may hold of its device. */
  readonly rankBytes: number;
  readonly maxModelLen: number | null;
  /** The planner's own; null for an engine that it does not know. */
  readonly plan: Plan | null;
  /** Changes with everything that the instances are started with. */
  readonly startHash: string;
  /** Keeps what the output of a start measured, for later plans of the same start. */
  learn(output: string): void;
  /** How much of what is free at its start becomes its pool; null: its pool is the same whatever others hold. */
  readonly shareOfFree: ShareOfFree | null;
  /** The driver of an instance on these devices; `share` replaces the one of `shareOfFree`. */
  driver(devices: readonly FleetDevice[], share?: number): EngineDriver;
}

export interface ShareOfFree {
  readonly engine: string;
  readonly share: number;
  /** Bytes of the pool as planned, on a device that nobody else uses. */
  readonly poolBytes: number;
}

/** Plans an instance of a model; `devices` are all there are. */
export interface InstancePlanner {
  /** @throws PagodaError `memory_too_small`, `invalid_option`, `plan_invalid` where no such instance can start. */
  plan(model: ModelSpec, devices: readonly FleetDevice[]): Promise<InstancePlan>;
}
