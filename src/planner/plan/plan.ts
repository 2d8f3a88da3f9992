/** @module What goes into the planner and what comes out: one request, one frozen plan, in bytes. */
import type { MemoryComponentName } from "../../core/footprint.ts";
import type { Resolved } from "../../core/resolved.ts";
import type { TensorType } from "../../core/tensor-type.ts";
import type { Device } from "../device/device.ts";
import type { ModelFacts } from "../model/facts.ts";
import type { Quantity } from "../quantity/quantity.ts";
import type { FailureKind } from "./failure.ts";
import type { FlagValues } from "./flag.ts";
import type { ProgramFacts } from "./program-facts.ts";

export type { FlagValue, FlagValues } from "./flag.ts";

export interface PlanRequest {
  readonly model: ModelFacts;
  readonly device: Device;
  /** Bytes other processes hold on each device before the start. */
  readonly usedBytes: number;
  readonly engine: string;
  /** Version of the engine; null: the newest the planner knows. */
  readonly version: string | null;
  readonly flags: FlagValues;
  /** `serve` is the command line server; `library` the class in a script (its batch defaults differ in vLLM). */
  readonly usage: "serve" | "library";
  /** Bytes of all stored tensors, where headers were at hand: they win over the count by formula. */
  readonly storedWeightsBytes?: number;
  /** The directory of a GGUF file, in the file's order, where one was at hand. */
  readonly tensors?: readonly StoredTensorFacts[];
  /** The draft model that a speculative flag names; without it the catalogue is asked. */
  readonly draftModel?: ModelFacts;
  /** What headers say of the model, for an engine whose plan needs its shape; without it the configuration is taken. */
  readonly program?: ProgramFacts;
  /** Environment variables, for an engine that takes options from them. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The model as a command names it, where that is not its name: a path. */
  readonly modelArgument?: string;
  /** What a log of this very set-up said; wins over the estimates. */
  readonly measured?: MeasuredBytes;
}

/** One tensor of a file; its shape from the outermost dimension. */
export interface StoredTensorFacts {
  readonly name: string;
  readonly numBytes: number;
  readonly type: TensorType;
  readonly shape: readonly number[];
}

/** Components that were read from a log or a device, in bytes of one rank. */
export interface MeasuredBytes {
  readonly weights?: Quantity;
  readonly activations?: Quantity;
  readonly persistent?: Quantity;
  readonly graphs?: Quantity;
  readonly availableKv?: Quantity;
  /** Free memory that LMDeploy measured after loading; vLLM's rules do not start from it. */
  readonly free?: Quantity;
}

export interface PlanComponent {
  readonly name: MemoryComponentName;
  readonly label: string;
  readonly quantity: Quantity;
  /** False for what the engine's own cap does not count. */
  readonly isBudgeted: boolean;
}

/** A number of blocks, tokens or requests: what the low, expected and high ends of the bytes give. */
export interface CountRange {
  readonly low: number;
  readonly expected: number;
  readonly high: number;
}

export interface KvPlan {
  readonly available: Quantity;
  readonly blockSize: number;
  readonly bytesPerBlock: number;
  readonly bytesPerToken: number;
  readonly numBlocks: CountRange;
  readonly numTokens: CountRange;
  /** Requests of full length at once. */
  readonly concurrency: CountRange;
  readonly maxModelLen: number;
  readonly numGroups: number;
  readonly dtype: string;
}

export type VerdictKind = "fits" | "refused" | "dies" | "uncertain";

export interface Verdict {
  readonly kind: VerdictKind;
  /** Where a start that does not surely fit would end; null where it fits. */
  readonly failure: FailureKind | null;
  readonly reason: string;
  /** The engine's own words, where it refuses. */
  readonly engineMessage: string | null;
  /** Smallest changes that would help, first the one that costs least. */
  readonly suggestions: readonly Suggestion[];
}

export interface Suggestion {
  /** As typed: `--max-model-len 8192`. */
  readonly flags: readonly string[];
  /** Another checkpoint, in the place of the model. */
  readonly model?: string;
  readonly why: string;
}

export interface HostNeeds {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly why: string;
}

export interface Plan {
  readonly schema: "pagoda.plan/2";
  readonly engine: string;
  readonly version: string;
  readonly rules: string;
  readonly model: string;
  readonly numParameters: number;
  readonly device: string;
  readonly numDevices: number;
  readonly total: Quantity;
  /** Bytes the cap grants on each device; null where the engine has none. */
  readonly budgetBytes: number | null;
  readonly settings: Readonly<Record<string, Resolved<string | number | boolean>>>;
  readonly components: readonly PlanComponent[];
  readonly kv: KvPlan | null;
  readonly verdict: Verdict;
  readonly expectedLog: readonly string[];
  readonly command: readonly string[];
  readonly host: HostNeeds;
  readonly assumed: readonly string[];
  readonly warnings: readonly string[];
}

/** A whole object tree that nobody can change any more. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
