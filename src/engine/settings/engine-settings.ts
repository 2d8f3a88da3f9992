/** @module The settings of a running engine: what was asked for, and what holds. */
import type { CeilingName, LiveSettings, LiveSettingsState } from "../../core/settings/live-settings.ts";
import type { BlockManager } from "../kv/block-manager.ts";
import type { InputProcessor } from "../request/input-processor.ts";
import type { Scheduler } from "../schedule/scheduler.ts";

export interface EngineSettingsParts {
  readonly scheduler: Scheduler;
  readonly blocks: BlockManager;
  readonly inputProcessor: InputProcessor;
  readonly initial: LiveSettings;
}

export class EngineSettings {
  readonly #parts: EngineSettingsParts;
  readonly #ceilings: Readonly<Record<CeilingName, number>>;
  #requested: LiveSettings;

  constructor(parts: EngineSettingsParts) {
    this.#parts = parts;
    const { maxNumSeqs, maxNumBatchedTokens, maxModelLen, maxNumBlocks } = parts.initial;
    this.#ceilings = { maxNumSeqs, maxNumBatchedTokens, maxModelLen, maxNumBlocks };
    this.#requested = parts.initial;
  }

  /**
   * Between two steps. The caller has checked that no number is above its ceiling, and that maxNumBatchedTokens is at
   * least maxNumSeqs.
   */
  apply(change: Partial<LiveSettings>): void {
    const { scheduler, blocks, inputProcessor } = this.#parts;
    const settings = { ...this.#requested, ...change };
    this.#requested = settings;
    scheduler.setLimits(settings);
    scheduler.limitBlocks(settings.maxNumBlocks);
    inputProcessor.setLimits({
      maxModelLen: settings.maxModelLen,
      maxNumSeqs: settings.maxNumSeqs,
      numKvTokens: settings.maxNumBlocks * blocks.blockSize,
    });
    if (settings.prefixCaching !== blocks.cachesPrefixes) blocks.setPrefixCaching(settings.prefixCaching);
  }

  state(): LiveSettingsState {
    const { scheduler, blocks } = this.#parts;
    const requested = this.#requested;
    const effective = {
      ...requested,
      maxNumSeqs: Math.max(
        requested.maxNumSeqs,
        Math.min(scheduler.running.length, this.#ceilings.maxNumSeqs),
      ),
      maxNumBlocks: Math.max(requested.maxNumBlocks, blocks.numTotal - blocks.numWithheld),
    };
    const isDeferred =
      effective.maxNumSeqs > requested.maxNumSeqs || effective.maxNumBlocks > requested.maxNumBlocks;
    return { requested, effective, isDeferred, ceilings: this.#ceilings };
  }
}
