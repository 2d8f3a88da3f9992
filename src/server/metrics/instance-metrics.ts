/** @module Metrics of an instance that is another process, as far as it reports them: under the names of our own engines. */
import type { InstanceSnapshot } from "../../api/admin/observatory/index.ts";
import { readBindingLimit, readLimits } from "./engine-metrics.ts";
import type { Instruments } from "./instruments.ts";
import type { MetricName } from "./metric-table.ts";

/** Its `engine` label is its id, because several processes serve the same name. What it does not report has no series. */
export function readInstance(instruments: Instruments, instance: InstanceSnapshot): void {
  const labels = { model_name: instance.model, engine: instance.instanceId };
  const gauge = (name: MetricName, value: number | null | undefined, own: Record<string, string> = {}) => {
    if (value !== null && value !== undefined) instruments.setGauge(name, value, { ...labels, ...own });
  };
  const counter = (name: MetricName, total: number | null | undefined): void => {
    if (total !== null && total !== undefined) instruments.setCounter(name, total, labels);
  };
  gauge("vllm:num_requests_running", instance.numRunning);
  gauge("vllm:num_requests_waiting", instance.numWaiting);
  gauge("vllm:kv_cache_usage_perc", instance.kvCacheUsage);
  const { totals, blocks, memory, bindingLimit, settings } = instance;
  counter("vllm:prompt_tokens_total", totals?.numPromptTokens);
  counter("vllm:prompt_tokens_cached_total", totals?.numCachedPromptTokens);
  counter("vllm:generation_tokens_total", totals?.numGenerationTokens);
  counter("vllm:num_preemptions_total", totals?.numPreemptions);
  counter("vllm:prefix_cache_queries_total", totals?.numPrefixQueryTokens);
  counter("vllm:prefix_cache_hits_total", totals?.numPrefixHitTokens);
  counter("pagoda:steps_total", totals?.numSteps);
  gauge("pagoda:kv_blocks", blocks?.numFree, { state: "free" });
  gauge("pagoda:kv_blocks", blocks?.numCached, { state: "cached" });
  gauge("pagoda:kv_blocks", blocks?.numReferenced, { state: "referenced" });
  gauge("pagoda:resident_bytes", memory?.residentBytes);
  gauge("pagoda:peak_resident_bytes", memory?.peakResidentBytes);
  gauge("pagoda:memory_cap_bytes", memory?.capBytes);
  for (const { name: component, plannedBytes, actualBytes } of memory?.components ?? []) {
    gauge("pagoda:memory_planned_bytes", plannedBytes, { component });
    gauge("pagoda:memory_actual_bytes", actualBytes, { component });
  }
  if (bindingLimit !== null && settings !== null) readLimits(instruments, labels, bindingLimit, settings);
  else if (bindingLimit !== null) readBindingLimit(instruments, labels, bindingLimit);
}
