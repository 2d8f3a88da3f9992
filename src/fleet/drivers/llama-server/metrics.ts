/** @module The names of llama-server's metrics. It has no gauge of its KV pool any more. */
import type { MetricNames } from "../metrics/engine-metrics.ts";

/** Without those that the cache had; `cached` is younger. */
const computed = "llamacpp:prompt_tokens_total";
const cached = "llamacpp:prompt_tokens_cached_total";

export const llamaServerMetrics: MetricNames = {
  numRunning: [{ name: "llamacpp:requests_processing" }],
  numWaiting: [{ name: "llamacpp:requests_deferred" }],
  kvUsage: [{ name: "llamacpp:kv_cache_usage_ratio" }],
  numKvBlocks: [],
  kvBlockTokens: [],
  numKvTokens: [],
  promptTokens: [{ name: computed, plus: cached }, { name: computed }],
  generatedTokens: [{ name: "llamacpp:tokens_predicted_total" }],
  prefixQueriedTokens: [{ name: computed, plus: cached }],
  prefixHitTokens: [{ name: cached }],
  numPreemptions: [],
};
