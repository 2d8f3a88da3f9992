/** @module What a start-up log states, before anything is computed: figures with the rounding of their print, and how it ended. */
import type { ConfigObject } from "../model/config-fields.ts";
import type { FailureKind } from "../plan/failure.ts";
import type { FlagValues } from "../plan/plan.ts";
import { measured, type Quantity } from "../quantity/quantity.ts";

/** `total` and `free` are the device's; `free` is what LMDeploy finds after loading, `freeAtStart` what vLLM finds before. */
export type FigureName =
  | "total"
  | "freeAtStart"
  | "requested"
  | "weights"
  | "consumed"
  | "persistent"
  | "activations"
  | "graphs"
  | "capturedGraphs"
  | "availableKv"
  | "free"
  | "runtime"
  | "neededKv"
  | "workspace";

export type CountName =
  | "numBlocks"
  | "numCpuBlocks"
  | "numTokens"
  | "concurrency"
  | "maxModelLen"
  | "suggestedLen"
  | "bytesPerBlock"
  | "blockSize"
  | "tp"
  | "pp";

export interface LogFailure {
  readonly kind: FailureKind;
  /** The engine's own sentence. */
  readonly message: string;
}

/** What an out-of-memory message says of the device; null where it does not say it. */
export interface OutOfMemory {
  readonly tried: Quantity | null;
  readonly free: Quantity | null;
  readonly total: Quantity | null;
  /** Held by this process. */
  readonly held: Quantity | null;
  readonly allocated: Quantity | null;
  /** Reserved by PyTorch's allocator and not in use. */
  readonly reserved: Quantity | null;
  /** What `set_per_process_memory_fraction` allows. */
  readonly allowed: Quantity | null;
  /** It states sizes that no device has: the driver does not know what its processes hold. */
  readonly hasAbsurdSizes: boolean;
}

/** A card as nvidia-smi or a message lists it; sizes in bytes, null where not stated. */
export interface LoggedCard {
  readonly name: string;
  readonly totalBytes: number | null;
  readonly usedBytes: number | null;
}

export interface LogFacts {
  readonly engine: string;
  readonly version: string | null;
  /** `V0`, `V1`, `TurboMind from 0.15`, `TurboMind 0.2.2 to 0.14`, `PyTorch engine`; null where nothing tells. */
  readonly runner: string | null;
  readonly model: string | null;
  /** All names under which the log has the model: path, served names, tokenizer. */
  readonly modelNames: readonly string[];
  readonly gpu: string | null;
  readonly cards: readonly LoggedCard[];
  /** Flags that the log states, under the engine's own names. */
  readonly flags: FlagValues;
  readonly figures: Readonly<Partial<Record<FigureName, Quantity>>>;
  readonly counts: Readonly<Partial<Record<CountName, number>>>;
  /** The engine reached the point of serving, or at least printed its capacity. */
  readonly hasStarted: boolean;
  /** The last step of a start that the log shows, in words, and the one that follows; null where it shows none. */
  readonly reached: Milestone | null;
  readonly failure: LogFailure | null;
  readonly outOfMemory: OutOfMemory | null;
  readonly notes: readonly string[];
  /** The configuration of the model, where the log prints all of it; null where it does not. */
  readonly modelConfig: ConfigObject | null;
}

/** A step of a start. */
export interface Milestone {
  readonly reached: string;
  readonly next: string;
}

const unitBytes: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  mb: 2 ** 20,
  gib: 2 ** 30,
  gb: 2 ** 30,
  tib: 2 ** 40,
};

/** A printed size: the engines print binary units, whatever they call them; half of the last digit is the error. */
export function printedSize(digits: string, unit: string, why: string): Quantity {
  const scale = unitBytes[unit.toLowerCase()] ?? 1;
  const decimals = digits.split(".")[1]?.length ?? 0;
  const errorBytes = scale === 1 ? 0 : (scale / 10 ** decimals) * 0.5;
  return measured(Number(digits) * scale, why, errorBytes);
}

/** A number printed with thousands separators. */
export function groupedNumber(text: string): number {
  return Number(text.replaceAll(",", ""));
}
