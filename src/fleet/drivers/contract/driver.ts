/**
 * @module What the fleet asks of an engine in order to run it: its command, when it is ready, what it holds, how it sleeps,
 * how it ends and why it failed. `driverOf` in `drivers.ts` makes one for each engine that is known.
 */
import type { Endpoint } from "../../../core/endpoint.ts";
import type { MemoryComponentName } from "../../../core/footprint.ts";
import type { EndpointSize } from "../../router/choice/affinity.ts";
import type { EngineMetrics } from "../metrics/engine-metrics.ts";

export interface InstanceCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's own; undefined takes a variable away. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines that it wrote. */
  readonly lastOutput: string;
  /** Whether we had asked it to end. */
  readonly isAsked: boolean;
}

/**
 * Why a process ended without being asked to.
 *
 * - `configuration`: what no second try mends (it does not fit, a bad flag, an unknown model).
 * - `port`: another program took the port between the look and the start.
 * - `memory-not-back`: less memory was free than it asked for; a process that ended may hold some yet.
 * - `killed`: SIGKILL that we did not send, which is how the kernel ends a process for memory.
 * - `crash`: anything else.
 */
export type EndKind = "configuration" | "port" | "memory-not-back" | "killed" | "crash";

/** A change of the start that was computed to get past the failure. */
export interface StartChange {
  /** As typed, under the engine's own names: `--max-model-len 8192`, or `without --enable-sleep-mode`. */
  readonly flags: readonly string[];
  /** Another model in the place of the one that the start names. */
  readonly model?: { readonly from: string; readonly to: string };
  readonly why: string;
}

/** Why an instance ended, for people. */
export interface FailedStart {
  /** What was wrong, in sentences. */
  readonly sentence: string;
  /** The component that lacked memory, or `setting`; null where the output does not tell. */
  readonly missing: string | null;
  /** The smallest changes that would have let it start, the best first. */
  readonly changes: readonly StartChange[];
}

/** How far a start has come, by the lines that the engine has written. */
export interface StartPhase {
  readonly name: string;
  /** How long the engine may stay in this phase, ms. */
  readonly mostMs: number;
}

/** What an instance says of its own memory; null and missing: it does not say. */
export interface InstanceMemory {
  readonly components: Readonly<Partial<Record<MemoryComponentName, number>>>;
  readonly numKvBlocks: number | null;
  readonly kvBlockTokens: number | null;
  /** Tokens that the KV pool holds. */
  readonly numKvTokens: number | null;
}

/** How deep an instance sleeps: level 1 keeps the weights in host memory, level 2 drops them. */
export type SleepLevel = 1 | 2;

/** The sleep of an engine that has one. All reject with PagodaError `endpoint_unreachable` where it does not obey. */
export interface SleepControl {
  readonly levels: readonly SleepLevel[];
  sleep(port: number, level: SleepLevel, signal: AbortSignal): Promise<void>;
  wake(port: number, signal: AbortSignal): Promise<void>;
  isAsleep(port: number, signal: AbortSignal): Promise<boolean>;
}

export interface EngineDriver {
  readonly engine: string;
  /** How long a start may take altogether, ms. */
  readonly readyWithinMs: number;
  /** How long its processes may take to end once their requests have finished, ms. */
  readonly endWithinMs: number;
  /** Whether requests that run at SIGTERM are finished; if not, they must have ended before it is sent. */
  readonly finishesAfterSigterm: boolean;
  /** null where this start cannot sleep. */
  readonly sleep: SleepControl | null;
  /** The command of an instance that serves on this port; `host`: its address, by default the loopback interface. */
  command(port: number, host?: string): InstanceCommand;
  /** Whether it can take requests. Never rejects. */
  isReady(port: number, signal: AbortSignal): Promise<boolean>;
  /** How far a start has come; `output`: all that it has written. */
  phase(output: string): StartPhase;
  /** Its endpoint, once it is ready. */
  endpoint(port: number): Endpoint;
  /** How many sequences and tokens it holds, once it is ready. */
  size(port: number, output: string, signal: AbortSignal): Promise<EndpointSize>;
  /** What it says of its memory, once it is ready. */
  memory(port: number, output: string, signal: AbortSignal): Promise<InstanceMemory>;
  /** Its gauges and counters; null where it has none. Rejects with `endpoint_unreachable`. */
  metrics(port: number, signal: AbortSignal): Promise<EngineMetrics | null>;
  /** Bytes that its processes hold on the device now. */
  heldBytes(rootPid: number): number;
  /** Why it ended, by its exit and its last words. */
  endKind(end: ProcessEnd): EndKind;
  /** What went wrong and what to change. */
  explain(end: ProcessEnd): FailedStart;
}
