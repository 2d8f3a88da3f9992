/** @module The names of vLLM's metrics from 0.6 to 0.32, the newest first (prefix `vllm:`; counters end in `_total`). */
import type { MetricNames } from "../metrics/engine-metrics.ts";

const config = "vllm:cache_config_info";

export const vllmMetrics: MetricNames = {
  numRunning: [{ name: "vllm:num_requests_running" }],
  numWaiting: [{ name: "vllm:num_requests_waiting" }],
  kvUsage: [
    { name: "vllm:kv_cache_usage_perc", over: "mean" },
    // Up to 0.11.
    { name: "vllm:gpu_cache_usage_perc", over: "mean" },
  ],
  numKvBlocks: [{ name: config, label: "num_gpu_blocks" }],
  kvBlockTokens: [{ name: config, label: "block_size", over: "max" }],
  numKvTokens: [{ name: config, label: "kv_cache_size_tokens" }],
  promptTokens: [{ name: "vllm:prompt_tokens_total" }],
  generatedTokens: [{ name: "vllm:generation_tokens_total" }],
  prefixQueriedTokens: [
    { name: "vllm:prefix_cache_queries_total" },
    // 0.8 to 0.11.
    { name: "vllm:gpu_prefix_cache_queries_total" },
  ],
  prefixHitTokens: [{ name: "vllm:prefix_cache_hits_total" }, { name: "vllm:gpu_prefix_cache_hits_total" }],
  numPreemptions: [{ name: "vllm:num_preemptions_total" }],
};
