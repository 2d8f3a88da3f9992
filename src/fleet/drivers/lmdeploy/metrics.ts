/** @module The names of LMDeploy's metrics (0.14 to 0.18). Its gauges are up to ten seconds old. */
import type { MetricNames } from "../metrics/engine-metrics.ts";

export const lmdeployMetrics: MetricNames = {
  numRunning: [{ name: "lmdeploy:num_requests_running" }],
  numWaiting: [{ name: "lmdeploy:num_requests_waiting" }],
  kvUsage: [{ name: "lmdeploy:gpu_cache_usage_perc", over: "mean" }],
  numKvBlocks: [],
  kvBlockTokens: [],
  numKvTokens: [],
  promptTokens: [{ name: "lmdeploy:prompt_tokens_total" }],
  generatedTokens: [{ name: "lmdeploy:generation_tokens_total" }],
  // Every prompt is looked up.
  prefixQueriedTokens: [{ name: "lmdeploy:prompt_tokens_total" }],
  prefixHitTokens: [{ name: "lmdeploy:cached_tokens_total" }],
  numPreemptions: [],
};
