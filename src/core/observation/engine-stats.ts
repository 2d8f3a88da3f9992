/** @module The load of an engine and its counters. */

/** Counters and gauges of the engine, cumulative since start; the server turns them into metrics. */
export interface EngineStats {
  readonly numRunning: number;
  readonly numWaiting: number;
  /** Share of blocks that are referenced, 0 to 1. */
  readonly kvCacheUsage: number;
  /** Slots in the blocks of running sequences that hold no token: the unused rest of each last block. */
  readonly numWastedTokens: number;
  readonly numPreemptions: number;
  readonly numPrefixQueryTokens: number;
  readonly numPrefixHitTokens: number;
  readonly numPromptTokens: number;
  /** Prompt tokens whose keys and values were in the prefix cache. */
  readonly numCachedPromptTokens: number;
  readonly numGenerationTokens: number;
  readonly numSteps: number;
}
