/** @module The whole memory plan of an instance before anything is allocated: budget, limits, footprint. */
import type { BackendLimits } from "../backend/backend.ts";
import { cpuFootprint } from "../backend/cpu/footprint/index.ts";
import type { Budget, BudgetInputs, DeviceMemory, PoolShape } from "../core/budget.ts";
import { resolveBudgetOrExplain, type Variant } from "../core/budget-change.ts";
import { PagodaError } from "../core/errors.ts";
import type { Footprint, ModelShape } from "../core/footprint.ts";
import { kvBlockBytes } from "../core/kv-layout.ts";
import type { InstanceSettings } from "./settings.ts";

export interface InstancePlan {
  readonly budget: Budget;
  readonly limits: BackendLimits;
  readonly footprint: Footprint;
  readonly runtimeBytes: number;
  readonly bytesPerBlock: number;
}

export interface PlanParts {
  readonly shape: ModelShape;
  /** The longest sequence the model was made for. */
  readonly modelMaxLen: number;
  readonly device: DeviceMemory;
  /** What the process itself takes at most under a cap (null: none), heap included. */
  readonly runtimeBytesUnder: (capBytes: number | null) => number;
}

/** Throws `memory_too_small` with the smallest change that would fit, and `invalid_option`. */
export function planInstance(settings: InstanceSettings, parts: PlanParts): InstancePlan {
  const inputs = budgetInputs(settings, parts);
  const budget = resolveBudgetOrExplain(inputs, variantsOf(settings, parts));
  const limits = limitsAt(settings, { numBlocks: budget.numBlocks, maxModelLen: budget.maxModelLen.value });
  return {
    budget,
    limits,
    footprint: footprintAt(settings, parts, limits),
    runtimeBytes: parts.runtimeBytesUnder(budget.capBytes),
    bytesPerBlock: inputs.bytesPerBlock,
  };
}

function budgetInputs(settings: InstanceSettings, parts: PlanParts): BudgetInputs {
  const { kvDtype, blockSize } = settings;
  return {
    cap: settings.cap,
    pool: settings.pool,
    maxModelLen: settings.maxModelLen,
    modelMaxLen: parts.modelMaxLen,
    maxNumSeqs: settings.maxNumSeqs.value,
    blockSize: blockSize.value,
    bytesPerBlock: kvBlockBytes(kvDtype.value, parts.shape.kvLayers, blockSize.value),
    device: parts.device,
    fixedBytesAt: (shape, capBytes) =>
      parts.runtimeBytesUnder(capBytes) + bufferBytes(settings, parts, shape),
  };
}

/** That of the CPU backend, which the reference backend only comes near. */
function footprintAt(settings: InstanceSettings, { shape }: PlanParts, limits: BackendLimits): Footprint {
  return cpuFootprint(shape, { ...limits, numThreads: settings.numThreads.value });
}

/** More blocks than the arenas can hold do not fit, however much memory there is. */
function bufferBytes(settings: InstanceSettings, parts: PlanParts, shape: PoolShape): number {
  try {
    const { totalBytes, components } = footprintAt(settings, parts, limitsAt(settings, shape));
    return totalBytes - components.kvPool;
  } catch (thrown) {
    if (thrown instanceof PagodaError && thrown.code === "memory_too_small") return Number.POSITIVE_INFINITY;
    throw thrown;
  }
}

function limitsAt(settings: InstanceSettings, shape: PoolShape): BackendLimits {
  return {
    ...shape,
    blockSize: settings.blockSize.value,
    kvDtype: settings.kvDtype.value,
    maxNumSeqs: settings.maxNumSeqs.value,
    maxNumBatchedTokens: settings.maxNumBatchedTokens.value,
    maxLogprobs: settings.maxLogprobs.value,
  };
}

/** Single changes to suggest, the least noticeable first. */
function variantsOf(settings: InstanceSettings, parts: PlanParts): Variant[] {
  const variants: Variant[] = [];
  const add = (flag: string, changed: Partial<InstanceSettings>): void => {
    variants.push({ flag, inputs: budgetInputs({ ...settings, ...changed }, parts) });
  };
  for (const numTokens of [256, 128, 64])
    if (numTokens < settings.maxNumBatchedTokens.value && numTokens >= settings.maxNumSeqs.value)
      add(`--max-num-batched-tokens ${numTokens}`, { maxNumBatchedTokens: derived(numTokens) });
  if (settings.kvDtype.value === "f16") add("--kv-cache-dtype int8", { kvDtype: derived("int8") });
  if (settings.kvDtype.value !== "int4") add("--kv-cache-dtype int4", { kvDtype: derived("int4") });
  return variants;
}

function derived<T>(value: T): { readonly value: T; readonly from: "derived" } {
  return { value, from: "derived" };
}
