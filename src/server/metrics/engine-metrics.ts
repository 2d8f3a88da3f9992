/** @module Gauges and counters that are read from an engine when it is scraped: load, KV pool, memory. */
import type { ModelState } from "../../core/endpoint.ts";
import type { MemoryReport } from "../../core/memory-report.ts";
import type { EngineStats } from "../../core/observation/engine-stats.ts";
import type { Instruments } from "./instruments.ts";
import type { ModelLabels } from "./model-labels.ts";

const states: readonly ModelState[] = ["loading", "ready", "draining", "asleep", "failed"];

export function readState(instruments: Instruments, labels: ModelLabels, state: ModelState): void {
  for (const name of states)
    instruments.setGauge(
      "pagoda:model_state",
      "1 for the state that the model is in.",
      name === state ? 1 : 0,
      {
        ...labels,
        state: name,
      },
    );
}

export function readStats(instruments: Instruments, labels: ModelLabels, stats: EngineStats): void {
  const gauge = (name: string, help: string, value: number, extra: Record<string, string> = {}): void =>
    instruments.setGauge(name, help, value, { ...labels, ...extra });
  const counter = (name: string, help: string, total: number, extra: Record<string, string> = {}): void =>
    instruments.setCounter(name, help, total, { ...labels, ...extra });
  gauge("vllm:num_requests_running", "Requests in the running batch.", stats.numRunning);
  gauge("vllm:num_requests_waiting", "Requests waiting to be scheduled.", stats.numWaiting);
  const byReason = "Requests waiting to be scheduled, by what they wait for.";
  gauge("vllm:num_requests_waiting_by_reason", byReason, stats.numWaiting, { reason: "capacity" });
  // Nothing but seats and blocks keeps a request of this engine waiting.
  gauge("vllm:num_requests_waiting_by_reason", byReason, 0, { reason: "deferred" });
  gauge("vllm:kv_cache_usage_perc", "Share of KV blocks in use, 0 to 1.", stats.kvCacheUsage);
  gauge("vllm:gpu_cache_usage_perc", "Share of KV blocks in use, 0 to 1 (older name).", stats.kvCacheUsage);
  gauge(
    "pagoda:kv_wasted_tokens",
    "Places in running sequences' blocks without a token.",
    stats.numWastedTokens,
  );
  const sleep = "1 for the state of sleep that the engine is in.";
  gauge("vllm:engine_sleep_state", sleep, 1, { sleep_state: "awake" });
  gauge("vllm:engine_sleep_state", sleep, 0, { sleep_state: "weights_offloaded" });
  gauge("vllm:engine_sleep_state", sleep, 0, { sleep_state: "discard_all" });
  counter("vllm:num_preemptions_total", "Sequences preempted.", stats.numPreemptions);
  counter("vllm:prefix_cache_queries_total", "Prompt tokens looked up.", stats.numPrefixQueryTokens);
  counter("vllm:prefix_cache_hits_total", "Prompt tokens found.", stats.numPrefixHitTokens);
  counter("vllm:prompt_tokens_total", "Prompt tokens, cached ones included.", stats.numPromptTokens);
  counter(
    "vllm:prompt_tokens_cached_total",
    "Prompt tokens from the prefix cache.",
    stats.numCachedPromptTokens,
  );
  const bySource = "Prompt tokens by where their keys and values came from.";
  const numComputed = stats.numPromptTokens - stats.numCachedPromptTokens;
  counter("vllm:prompt_tokens_by_source_total", bySource, numComputed, { source: "local_compute" });
  counter("vllm:prompt_tokens_by_source_total", bySource, stats.numCachedPromptTokens, {
    source: "local_cache_hit",
  });
  counter("vllm:generation_tokens_total", "Tokens generated.", stats.numGenerationTokens);
  counter("pagoda:steps_total", "Forward passes.", stats.numSteps);
}

export function readMemory(instruments: Instruments, labels: ModelLabels, memory: MemoryReport): void {
  const gauge = (name: string, help: string, value: number, extra: Record<string, string> = {}): void =>
    instruments.setGauge(name, help, value, { ...labels, ...extra });
  gauge("vllm:cache_config_info", "The KV cache's configuration, as labels.", 1, cacheConfig(memory));
  for (const { name, plannedBytes, actualBytes } of memory.components) {
    gauge("pagoda:memory_planned_bytes", "Planned bytes.", plannedBytes, { component: name });
    gauge("pagoda:memory_actual_bytes", "Allocated bytes.", actualBytes, { component: name });
  }
  gauge("pagoda:kernels_info", "The kernels in use, as a label.", 1, { kernels: memory.kernels });
  gauge("pagoda:resident_bytes", "Resident size of the process.", memory.residentBytes);
  gauge("pagoda:peak_resident_bytes", "Peak resident size of the process.", memory.peakResidentBytes);
  const { numFree, numCached, numReferenced } = memory.blocks;
  const byState = "KV blocks by state.";
  gauge("pagoda:kv_blocks", byState, numFree, { state: "free" });
  gauge("pagoda:kv_blocks", byState, numCached, { state: "cached" });
  gauge("pagoda:kv_blocks", byState, numReferenced, { state: "referenced" });
  if (memory.budget.capBytes !== null)
    gauge("pagoda:memory_cap_bytes", "Most bytes this instance may use.", memory.budget.capBytes);
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
