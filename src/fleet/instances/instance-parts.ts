/** @module What an instance is made of, what it tells of itself, and the states that it can be in. */
import type { ProcessIdentity } from "../../process/process-identity.ts";
import type { EngineDriver, ProcessEnd, StartChange } from "../drivers/contract/driver.ts";
import type { Demand, Ledger } from "../ledger/ledger.ts";
import type { Router } from "../router/router.ts";
import type { Holdings } from "./holdings.ts";
import type { RestartNumbers } from "./restart-policy.ts";
import type { StartLock } from "./start-lock.ts";

export type InstanceState =
  | "waiting"
  | "starting"
  | "ready"
  | "draining"
  | "asleep"
  | "stopped"
  | "pausing"
  | "crashloop"
  | "failed"
  | "stuck";

export interface InstanceEvent {
  readonly instanceId: string;
  readonly state: InstanceState;
  readonly reason: string;
}

/** An end that nobody asked for. */
export interface Failure {
  readonly end: ProcessEnd;
  /** What we saw ourselves, where the process has nothing to say. */
  readonly seen: string | null;
}

/** One start, as a later supervisor must know it. */
export interface StartRecord {
  readonly generation: number;
  readonly tag: string;
  readonly port: number;
  /** null before the process is there. */
  readonly process: ProcessIdentity | null;
}

/** Told of starts before and after they happen. */
export interface InstanceJournal {
  starting(instanceId: string, record: StartRecord): void;
  /** Every process of it is gone. */
  ended(instanceId: string): void;
}

export interface InstanceParts {
  readonly instanceId: string;
  readonly demands: readonly Demand[];
  /** Where it runs: what it holds of cards is not what its processes hold of the host. */
  readonly runs: "processors" | "cards";
  readonly driver: EngineDriver;
  /** The driver of a start that begins now, where that depends on what others hold; null: it does not. */
  readonly driverNow: (() => Promise<EngineDriver>) | null;
  readonly ledger: Ledger;
  readonly holdings: Holdings;
  readonly startLock: StartLock;
  readonly router: Router;
  readonly freePort: () => Promise<number>;
  readonly logPath: string;
  /** The most bytes of the log file. */
  readonly logBytes: number;
  /** Marks the processes of this fleet. */
  readonly fleetTag: string;
  readonly readyWithinMs: number;
  readonly graceMs: number;
  readonly stuckMs: number;
  /** Whether it is started again after it ended by itself. */
  readonly restarts: boolean;
  /** A driver with one of these changes, the first that stays inside what is allowed; null: none does. */
  readonly fix: ((changes: readonly StartChange[]) => Promise<Fix | null>) | null;
  readonly journal: InstanceJournal;
  /** A start of an earlier supervisor that still runs. */
  readonly adopted: (StartRecord & { readonly process: ProcessIdentity }) | null;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly random: () => number;
  readonly restart?: Partial<RestartNumbers>;
  readonly onEvent: (event: InstanceEvent) => void;
}

/** A start with other flags. */
export interface Fix {
  readonly driver: EngineDriver;
  /** As typed. */
  readonly flags: readonly string[];
}
