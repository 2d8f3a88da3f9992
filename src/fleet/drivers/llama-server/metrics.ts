/** @module The names of llama-server's metrics. It has no gauge of its KV pool any more. */
import type { MetricNames } from "../metrics/engine-metrics.ts";

export const llamaServerMetrics: MetricNames = {
  numRunning: [{ name: "llamacpp:requests_processing" }],
  numWaiting: [{ name: "llamacpp:requests_deferred" }],
  kvUsage: [{ name: "llamacpp:kv_cache_usage_ratio" }],
  numKvBlocks: [],
  kvBlockTokens: [],
  numKvTokens: [],
  promptTokens: [{ name: "llamacpp:prompt_tokens_total" }],
  generatedTokens: [{ name: "llamacpp:tokens_predicted_total" }],
  prefixQueriedTokens: [],
  prefixHitTokens: [],
  numPreemptions: [],
};
