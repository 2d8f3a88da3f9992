/** @module Our own engine under trial: settings one after another, over weights that are loaded as rarely as possible. */
import { instanceFootprint } from "../../backend/cpu/footprint/index.ts";
import type { RequestRecord } from "../../core/generation.ts";
import type { BindingLimit } from "../../core/observation/binding-limit.ts";
import { type Instance, loadInstance, type PreparedInstance } from "../../instance/index.ts";
import type { MeasuredStep } from "../step-time/step-time.ts";
import type { LoadFigures } from "../traffic/figures.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { otherCpuShare, readCpu } from "./other-load.ts";
import { playTraffic } from "./play-traffic.ts";

export interface TrialResult {
  readonly figures: LoadFigures;
  readonly steps: readonly MeasuredStep[];
  /** Milliseconds of steps by what bound them. */
  readonly limitMs: Readonly<Record<BindingLimit, number>>;
  /** Of all processors, taken by other processes meanwhile; null where it cannot be read. */
  readonly otherCpuShare: number | null;
  /** Timed requests came faster than they were served. */
  readonly isSaturated: boolean;
}

interface Loaded {
  readonly instance: Instance;
  readonly prepared: PreparedInstance;
}

/**
 * One instance at a time is loaded. A setting that fits into what it allocated gets an engine over the same memory; for a
 * larger one the weights are loaded again, with memory for both, so that turns between the two cost no restart.
 */
export class TrialEngine {
  readonly #warmUp: Traffic;
  #loaded: Loaded | null = null;
  /** How often weights were loaded. */
  numLoads = 0;

  /** @param warmUp played after each load, and not counted: compiled code and touched pages */
  constructor(warmUp: Traffic) {
    this.#warmUp = warmUp;
  }

  async run(prepared: PreparedInstance, traffic: Traffic, stop: AbortSignal): Promise<TrialResult> {
    stop.throwIfAborted();
    const { instance } = await this.#loadedFor(prepared, stop);
    return runOver(instance, prepared, traffic, stop);
  }

  async close(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = null;
    await loaded?.instance.close();
  }

  async #loadedFor(prepared: PreparedInstance, stop: AbortSignal): Promise<Loaded> {
    const before = this.#loaded?.prepared ?? null;
    if (this.#loaded !== null && before !== null && fitsInto(prepared, before)) return this.#loaded;
    await this.close();
    const forBoth = before === null ? prepared : withRoomFor(prepared, before);
    const instance = await loadInstance(forBoth, {});
    this.#loaded = { instance, prepared: forBoth };
    this.numLoads++;
    await runOver(instance, prepared, this.#warmUp, stop);
    return this.#loaded;
  }
}

async function runOver(
  instance: Instance,
  prepared: PreparedInstance,
  traffic: Traffic,
  stop: AbortSignal,
): Promise<TrialResult> {
  const records: RequestRecord[] = [];
  const steps: MeasuredStep[] = [];
  const { numBlocks, maxNumSeqs, maxNumBatchedTokens } = prepared.plan.limits;
  const engine = instance.engineWith(
    {
      limits: { numBlocks, maxNumSeqs, maxNumBatchedTokens },
      maxStepMs: prepared.settings.maxStepMs.value,
      prefixCaching: prepared.settings.prefixCaching.value,
    },
    {
      requestFinished: (record) => records.push(record),
      stepFinished: () => undefined,
      stepMeasured: (step, totalMs) => steps.push({ ...step, ms: totalMs }),
    },
  );
  try {
    const before = readCpu();
    const { figures, isSaturated } = await playTraffic(engine, traffic, records, stop);
    return {
      figures,
      isSaturated,
      steps,
      limitMs: engine.observe().limitMs,
      otherCpuShare: otherCpuShare(before, readCpu()),
    };
  } finally {
    await engine.close();
  }
}

/** Whether the two differ only in what an engine decides, or in how much memory they need. */
function isSameKind(one: PreparedInstance, other: PreparedInstance): boolean {
  const [a, b] = [one.plan.limits, other.plan.limits];
  return (
    a.blockSize === b.blockSize &&
    a.kvDtype === b.kvDtype &&
    a.maxModelLen === b.maxModelLen &&
    a.maxLogprobs === b.maxLogprobs &&
    a.numThreads === b.numThreads &&
    one.settings.kernels.value === other.settings.kernels.value &&
    one.settings.backend.value === other.settings.backend.value &&
    one.settings.quantization.value === other.settings.quantization.value
  );
}

/** Whether `loaded` has the memory that `wanted` needs, everywhere. */
export function fitsInto(wanted: PreparedInstance, loaded: PreparedInstance): boolean {
  const [want, have] = [wanted.plan.limits, loaded.plan.limits];
  return (
    isSameKind(wanted, loaded) &&
    want.numBlocks <= have.numBlocks &&
    want.maxNumSeqs <= have.maxNumSeqs &&
    want.maxNumBatchedTokens <= have.maxNumBatchedTokens
  );
}

/** `wanted` with memory for `other` besides, where they are of a kind and the machine has it; else `wanted`. */
export function withRoomFor(wanted: PreparedInstance, other: PreparedInstance): PreparedInstance {
  if (!isSameKind(wanted, other)) return wanted;
  const [a, b] = [wanted.plan.limits, other.plan.limits];
  const limits = {
    ...a,
    numBlocks: Math.max(a.numBlocks, b.numBlocks),
    maxNumSeqs: Math.max(a.maxNumSeqs, b.maxNumSeqs),
    maxNumBatchedTokens: Math.max(a.maxNumBatchedTokens, b.maxNumBatchedTokens),
  };
  const footprint = instanceFootprint(wanted.program, limits, wanted.settings.numRanks.value);
  const neededBytes = footprint.totalBytes + wanted.plan.runtimeBytes;
  if (neededBytes > wanted.device.availableBytes) return wanted;
  return { ...wanted, plan: { ...wanted.plan, limits, footprint } };
}
