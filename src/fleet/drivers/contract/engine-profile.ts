/** @module One engine as data and small functions: what is the same for every instance of it. */
import type { Capabilities } from "../../../core/capabilities.ts";
import type { EndpointSize } from "../../router/choice/affinity.ts";
import type { MetricNames } from "../metrics/engine-metrics.ts";
import type { EndKind, FailedStart, InstanceMemory, ProcessEnd, SleepControl, StartPhase } from "./driver.ts";
import type { EngineStart } from "./engine-start.ts";

/** A running instance, as its own answers and its output tell of it. */
export interface RunningInstance {
  readonly start: EngineStart;
  readonly output: string;
  /** The text of an answer of 200; null for any other. Rejects with `endpoint_unreachable` where none comes. */
  get(path: string): Promise<string | null>;
}

/** A phase of a start, known by a line that opens it. */
export interface PhaseLine extends StartPhase {
  readonly pattern: RegExp;
}

export interface EngineProfile {
  readonly engine: string;
  /** The engine's name in sentences. */
  readonly title: string;
  /** Flags that the fleet sets itself: a start that names one is refused. */
  readonly reservedFlags: readonly string[];
  /** Phases of a start in their order. The first one holds before any line has come. */
  readonly phases: readonly [StartPhase, ...PhaseLine[]];
  readonly readyWithinMs: number;
  /** How long the processes take to end after their last request, ms. */
  readonly endWithinMs: number;
  readonly capabilities: Capabilities;
  /** null: it has no metrics of its own. */
  readonly metrics: MetricNames | null;
  /** What is added behind the words of the start. */
  addedWords(start: EngineStart, host: string, port: number): readonly string[];
  /** Whether requests that run at SIGTERM are finished. */
  finishesAfterSigterm(start: EngineStart): boolean;
  environment(start: EngineStart): Readonly<Record<string, string | undefined>>;
  sleep(start: EngineStart): SleepControl | null;
  size(running: RunningInstance): Promise<EndpointSize>;
  memory(running: RunningInstance): Promise<InstanceMemory>;
  /** Of an end by itself that was no SIGKILL. */
  endKind(end: ProcessEnd): EndKind;
  /** Of an end by itself that was no SIGKILL. */
  explain(end: ProcessEnd, start: EngineStart): FailedStart;
}
