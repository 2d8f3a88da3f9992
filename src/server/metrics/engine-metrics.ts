/** @module Gauges and counters that are read from an engine when it is scraped: load, KV pool, memory. */
import { type BindingLimitReport, limitNames } from "../../api/admin/observatory/index.ts";
import type { ModelState } from "../../core/endpoint.ts";
import type { MemoryReport } from "../../core/memory-report.ts";
import type { EngineStats } from "../../core/observation/engine-stats.ts";
import type { LiveSettingsState } from "../../core/settings/live-settings.ts";
import type { Instruments } from "./instruments.ts";
import type { MetricName } from "./metric-table.ts";
import type { ModelLabels } from "./model-labels.ts";

const states: readonly ModelState[] = ["loading", "ready", "draining", "asleep", "failed"];

export function readState(instruments: Instruments, labels: ModelLabels, state: ModelState): void {
  for (const name of states)
    instruments.setGauge("pagoda:model_state", name === state ? 1 : 0, {
      ...labels,
      state: name,
    });
}

export function readStats(instruments: Instruments, labels: ModelLabels, stats: EngineStats): void {
  const gauge = (name: MetricName, value: number, extra: Record<string, string> = {}): void =>
    instruments.setGauge(name, value, { ...labels, ...extra });
  const counter = (name: MetricName, total: number, extra: Record<string, string> = {}): void =>
    instruments.setCounter(name, total, { ...labels, ...extra });
  gauge("vllm:num_requests_running", stats.numRunning);
  gauge("vllm:num_requests_waiting", stats.numWaiting);
  gauge("vllm:num_requests_waiting_by_reason", stats.numWaiting, { reason: "capacity" });
  // Nothing but seats and blocks keeps a request of this engine waiting.
  gauge("vllm:num_requests_waiting_by_reason", 0, { reason: "deferred" });
  gauge("vllm:kv_cache_usage_perc", stats.kvCacheUsage);
  gauge("vllm:gpu_cache_usage_perc", stats.kvCacheUsage);
  gauge("pagoda:kv_wasted_tokens", stats.numWastedTokens);
  gauge("vllm:engine_sleep_state", 1, { sleep_state: "awake" });
  gauge("vllm:engine_sleep_state", 0, { sleep_state: "weights_offloaded" });
  gauge("vllm:engine_sleep_state", 0, { sleep_state: "discard_all" });
  counter("vllm:num_preemptions_total", stats.numPreemptions);
  counter("vllm:prefix_cache_queries_total", stats.numPrefixQueryTokens);
  counter("vllm:prefix_cache_hits_total", stats.numPrefixHitTokens);
  counter("vllm:prompt_tokens_total", stats.numPromptTokens);
  counter("vllm:prompt_tokens_cached_total", stats.numCachedPromptTokens);
  const numComputed = stats.numPromptTokens - stats.numCachedPromptTokens;
  counter("vllm:prompt_tokens_by_source_total", numComputed, { source: "local_compute" });
  counter("vllm:prompt_tokens_by_source_total", stats.numCachedPromptTokens, {
    source: "local_cache_hit",
  });
  counter("vllm:generation_tokens_total", stats.numGenerationTokens);
  counter("pagoda:steps_total", stats.numSteps);
}

export function readMemory(instruments: Instruments, labels: ModelLabels, memory: MemoryReport): void {
  const gauge = (name: MetricName, value: number, extra: Record<string, string> = {}): void =>
    instruments.setGauge(name, value, { ...labels, ...extra });
  gauge("vllm:cache_config_info", 1, cacheConfig(memory));
  for (const { name, plannedBytes, actualBytes } of memory.components) {
    gauge("pagoda:memory_planned_bytes", plannedBytes, { component: name });
    gauge("pagoda:memory_actual_bytes", actualBytes, { component: name });
  }
  gauge("pagoda:kernels_info", 1, { kernels: memory.kernels });
  gauge("pagoda:resident_bytes", memory.residentBytes);
  gauge("pagoda:peak_resident_bytes", memory.peakResidentBytes);
  const { numFree, numCached, numReferenced } = memory.blocks;
  gauge("pagoda:kv_blocks", numFree, { state: "free" });
  gauge("pagoda:kv_blocks", numCached, { state: "cached" });
  gauge("pagoda:kv_blocks", numReferenced, { state: "referenced" });
  if (memory.budget.capBytes !== null) gauge("pagoda:memory_cap_bytes", memory.budget.capBytes);
}

/** vLLM's labels of `cache_config_info`, each as vLLM writes its value; "None" where this engine has nothing of the kind. */
function cacheConfig({ blocks, budget, numKvTokens, kvCache }: MemoryReport): Record<string, string> {
  const { cap, pool } = budget;
  return {
    block_size: String(blocks.blockSize),
    cache_dtype: kvCache.dtype,
    calculate_kv_scales: "False",
    cpu_kvcache_space_bytes: String(blocks.numTotal * blocks.bytesPerBlock),
    enable_prefix_caching: kvCache.prefixCaching ? "True" : "False",
    gpu_memory_utilization: cap.kind === "fractionOfTotal" ? String(cap.value) : "None",
    is_attention_free: "False",
    kv_cache_memory_bytes: pool.kind === "kvBytes" ? String(pool.value) : "None",
    kv_cache_size_tokens: String(numKvTokens),
    kv_sharing_fast_prefill: "False",
    mamba_block_size: "None",
    mamba_cache_dtype: "auto",
    mamba_page_size_padded: "None",
    mamba_ssm_cache_dtype: "auto",
    num_cpu_blocks: "None",
    num_gpu_blocks: String(blocks.numTotal),
    num_gpu_blocks_override: pool.kind === "blocks" ? String(pool.value) : "None",
    prefix_caching_hash_algo: "None",
    sliding_window: "None",
    swap_space: "0",
    swap_space_bytes: "0",
    user_specified_block_size: "False",
  };
}

/** What bound the engine over the last minute, and the settings that are numbers. */
export function readLimits(
  instruments: Instruments,
  labels: ModelLabels,
  report: BindingLimitReport,
  { requested }: Pick<LiveSettingsState, "requested">,
): void {
  readBindingLimit(instruments, labels, report);
  for (const [setting, value] of Object.entries(requested))
    instruments.setGauge("pagoda:setting", Number(value), { ...labels, setting });
}

export function readBindingLimit(
  instruments: Instruments,
  labels: ModelLabels,
  { limit, shares }: BindingLimitReport,
): void {
  for (const name of limitNames) {
    const share = shares.find((one) => one.limit === name)?.share ?? 0;
    const named = { ...labels, limit: name };
    instruments.setGauge("pagoda:binding_limit", name === limit ? 1 : 0, named);
    instruments.setGauge("pagoda:binding_limit_share", share, named);
  }
}
