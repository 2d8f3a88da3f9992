/** @module The memory of a start exactly as its settings state it: budget, limits, footprint, and no advice. */
import {
  type CpuLimits,
  type InstanceFootprint,
  instanceFootprint,
  kvLayersOfRanks,
} from "../../../../backend/cpu/footprint/index.ts";
import { PagodaError } from "../../../../core/errors.ts";
import type { ModelShape } from "../../../../core/footprint.ts";
import { kvBlockBytes } from "../../../../core/kv-layout.ts";
import { type Budget, leastWanted, resolveBudget } from "./budget.ts";
import { type BudgetInputs, capBytesOf, type DeviceMemory, type PoolShape } from "./budget-inputs.ts";
import { isRefusal, type Refusal } from "./refusals.ts";
import { heapCeilingMib, runtimeReservationBytes } from "./runtime.ts";
import type { MemorySettings } from "./settings.ts";

export interface MemoryPlan {
  readonly budget: Budget;
  readonly limits: CpuLimits;
  readonly footprint: InstanceFootprint;
  /** The ceiling of the JavaScript heap, in MiB. */
  readonly heapCeilingMib: number;
  /** The most that the process itself takes, heap included. */
  readonly runtimeBytes: number;
  readonly bytesPerBlock: number;
}

/** What a plan needs to know beside the settings. */
export interface MemoryParts {
  /** The model with its matrices stored as the setting `quantization` says. */
  readonly shapeUnder: (quantization: MemorySettings["quantization"]["value"]) => ModelShape;
  /** The longest sequence that the model was made for. */
  readonly modelMaxLen: number;
  /** The shortest sequence that is of use: the chat template and a short answer. */
  readonly leastUsefulLen: number;
  readonly device: DeviceMemory;
  /** Under which the process runs already; null: the ceiling follows from the budget. */
  readonly heapCeilingMib: number | null;
}

/** Throws `invalid_option`, as `resolveBudget` does. */
export function planAsStated(settings: MemorySettings, parts: MemoryParts): MemoryPlan | Refusal {
  const inputs = budgetInputs(settings, parts);
  const budget = resolveBudget(inputs);
  if (isRefusal(budget)) return budget;
  const limits = limitsAt(settings, { numBlocks: budget.numBlocks, maxModelLen: budget.maxModelLen.value });
  return {
    budget,
    limits,
    footprint: instanceFootprint(
      parts.shapeUnder(settings.quantization.value),
      limits,
      settings.numRanks.value,
    ),
    heapCeilingMib: ceilingMib(settings, parts),
    runtimeBytes: runtimeBytes(settings, parts),
    bytesPerBlock: inputs.bytesPerBlock,
  };
}

/** What the least that would satisfy the settings is made of, whether it fits or not; null: the backend cannot hold it. */
export function leastFootprint(
  settings: MemorySettings,
  parts: MemoryParts,
): Pick<MemoryPlan, "footprint" | "runtimeBytes"> | null {
  const inputs = budgetInputs(settings, parts);
  const limits = limitsAt(settings, leastWanted(inputs));
  if (!Number.isFinite(inputs.fixedBytesAt(limits))) return null;
  const footprint = instanceFootprint(
    parts.shapeUnder(settings.quantization.value),
    limits,
    settings.numRanks.value,
  );
  return { footprint, runtimeBytes: runtimeBytes(settings, parts) };
}

/** The settings as arithmetic. */
export function budgetInputs(settings: MemorySettings, parts: MemoryParts): BudgetInputs {
  const shape = parts.shapeUnder(settings.quantization.value);
  const reservedBytes = runtimeBytes(settings, parts);
  return {
    cap: settings.cap,
    pool: settings.pool,
    maxModelLen: settings.maxModelLen,
    modelMaxLen: parts.modelMaxLen,
    leastUsefulLen: Math.min(parts.modelMaxLen, parts.leastUsefulLen),
    maxNumSeqs: settings.maxNumSeqs.value,
    blockSize: settings.blockSize.value,
    bytesPerBlock: kvBlockBytes(
      settings.kvDtype.value,
      kvLayersOfRanks(shape, settings.numRanks.value),
      settings.blockSize.value,
    ),
    device: parts.device,
    fixedBytesAt: (poolShape) =>
      reservedBytes + bufferBytes(shape, limitsAt(settings, poolShape), settings.numRanks.value),
  };
}

/** Bytes of all buffers but the pool. More blocks than the arenas can hold do not fit, however much memory there is. */
function bufferBytes(shape: ModelShape, limits: CpuLimits, numRanks: number): number {
  try {
    const { totalBytes, components } = instanceFootprint(shape, limits, numRanks);
    return totalBytes - components.kvPool;
  } catch (thrown) {
    if (thrown instanceof PagodaError && thrown.code === "memory_too_small") return Number.POSITIVE_INFINITY;
    throw thrown;
  }
}

function limitsAt(settings: MemorySettings, poolShape: PoolShape): CpuLimits {
  return {
    ...poolShape,
    blockSize: settings.blockSize.value,
    kvDtype: settings.kvDtype.value,
    maxNumSeqs: settings.maxNumSeqs.value,
    maxNumBatchedTokens: settings.maxNumBatchedTokens.value,
    maxLogprobs: settings.maxLogprobs.value,
    numThreads: settings.numThreads.value,
  };
}

function runtimeBytes(settings: MemorySettings, parts: MemoryParts): number {
  return runtimeReservationBytes(ceilingMib(settings, parts), settings.numThreads.value);
}

/** Follows the cap, which a suggestion may raise: a process under another ceiling is replaced at its next start. */
function ceilingMib({ cap }: MemorySettings, { device, heapCeilingMib: running }: MemoryParts): number {
  if (cap !== null) return heapCeilingMib(capBytesOf(cap.value, device));
  return running ?? heapCeilingMib(device.availableBytes);
}
