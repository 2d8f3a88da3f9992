/** @module Our own engine under trial: settings one after another, over weights that are loaded as rarely as possible. */
import type { RequestRecord } from "../../core/generation.ts";
import { type Instance, loadInstance, type PreparedInstance } from "../../instance/index.ts";
import type { LoadFigures } from "../figures.ts";
import type { MeasuredStep } from "../step-time/step-time.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { playTraffic } from "./play-traffic.ts";

export interface TrialResult {
  readonly figures: LoadFigures;
  readonly steps: readonly MeasuredStep[];
}

interface Loaded {
  readonly instance: Instance;
  readonly prepared: PreparedInstance;
}

/** One instance at a time is loaded; a setting that fits into what it allocated gets an engine over the same memory. */
export class TrialEngine {
  #loaded: Loaded | null = null;
  /** How often weights were loaded. */
  numLoads = 0;

  async run(prepared: PreparedInstance, traffic: Traffic, stop: AbortSignal): Promise<TrialResult> {
    stop.throwIfAborted();
    const { instance } = await this.#loadedFor(prepared);
    const records: RequestRecord[] = [];
    const steps: MeasuredStep[] = [];
    const { limits } = prepared.plan;
    const engine = instance.engineWith(
      {
        limits: {
          numBlocks: limits.numBlocks,
          maxNumSeqs: limits.maxNumSeqs,
          maxNumBatchedTokens: limits.maxNumBatchedTokens,
        },
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
      return { figures: await playTraffic(engine, traffic, records, stop), steps };
    } finally {
      await engine.close();
    }
  }

  async close(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = null;
    await loaded?.instance.close();
  }

  async #loadedFor(prepared: PreparedInstance): Promise<Loaded> {
    if (this.#loaded !== null && fitsInto(prepared, this.#loaded.prepared)) return this.#loaded;
    await this.close();
    this.#loaded = { instance: await loadInstance(prepared, {}), prepared };
    this.numLoads++;
    return this.#loaded;
  }
}

/** Whether `wanted` differs from `loaded` only in what an engine decides, and needs no more memory anywhere. */
export function fitsInto(wanted: PreparedInstance, loaded: PreparedInstance): boolean {
  const [want, have] = [wanted.plan.limits, loaded.plan.limits];
  return (
    want.blockSize === have.blockSize &&
    want.kvDtype === have.kvDtype &&
    want.maxModelLen === have.maxModelLen &&
    want.maxLogprobs === have.maxLogprobs &&
    want.numBlocks <= have.numBlocks &&
    want.maxNumSeqs <= have.maxNumSeqs &&
    want.maxNumBatchedTokens <= have.maxNumBatchedTokens &&
    wanted.settings.numThreads.value === loaded.settings.numThreads.value &&
    wanted.settings.kernels.value === loaded.settings.kernels.value &&
    wanted.settings.backend.value === loaded.settings.backend.value &&
    wanted.settings.quantization.value === loaded.settings.quantization.value
  );
}
