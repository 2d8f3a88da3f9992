/** @module The settings of an engine that change while it runs. None of them changes a text that is being generated. */

export interface LiveSettings {
  /** Sequences with a seat at a time. */
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  /** Prompt and output together, of requests that come from now on. */
  readonly maxModelLen: number;
  readonly maxStepMs: number;
  /** KV blocks in use; the rest of the pool lies idle. */
  readonly maxNumBlocks: number;
  readonly prefixCaching: boolean;
}

/** Settings that are numbers with a ceiling: what was allocated at the start. */
export type CeilingName = "maxNumSeqs" | "maxNumBatchedTokens" | "maxModelLen" | "maxNumBlocks";

export interface LiveSettingsState {
  readonly requested: LiveSettings;
  /**
   * What holds now. It differs from `requested` while sequences that began under higher limits are still there; then
   * `isDeferred`.
   */
  readonly effective: LiveSettings;
  readonly isDeferred: boolean;
  readonly ceilings: Readonly<Record<CeilingName, number>>;
}
