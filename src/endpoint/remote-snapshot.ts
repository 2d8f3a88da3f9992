/** @module The load of an endpoint from its Prometheus metrics, under the names of the engines that are known. */
import type { EndpointSnapshot } from "../core/endpoint.ts";

interface Names {
  readonly running: string;
  readonly waiting: string;
  readonly kvUsage: string;
}

/** The Gateway API Inference Extension's model server protocol: vLLM (and this server), SGLang, LMDeploy, llama-server. */
const dialects: readonly Names[] = [
  {
    running: "vllm:num_requests_running",
    waiting: "vllm:num_requests_waiting",
    kvUsage: "vllm:kv_cache_usage_perc",
  },
  { running: "sglang:num_running_reqs", waiting: "sglang:num_queue_reqs", kvUsage: "sglang:token_usage" },
  {
    running: "lmdeploy:num_requests_running",
    waiting: "lmdeploy:num_requests_waiting",
    kvUsage: "lmdeploy:gpu_cache_usage_perc",
  },
  {
    running: "llamacpp:requests_processing",
    waiting: "llamacpp:requests_deferred",
    kvUsage: "llamacpp:kv_cache_usage_ratio",
  },
];

/** null where no known engine's names are in the text. Series of several ranks or models are added up; of shares, the mean. */
export function parseSnapshot(text: string): EndpointSnapshot | null {
  const values = valuesByName(text);
  for (const names of dialects) {
    const running = values.get(names.running);
    if (running === undefined) continue;
    const usage = values.get(names.kvUsage);
    return {
      numRunning: sum(running),
      numWaiting: sum(values.get(names.waiting) ?? []),
      kvCacheUsage: usage === undefined ? null : sum(usage) / usage.length,
    };
  }
  return null;
}

function valuesByName(text: string): ReadonlyMap<string, readonly number[]> {
  const values = new Map<string, number[]>();
  for (const [, name = "", value = ""] of text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{[^\n]*\})? (\S+)/gm)) {
    const known = values.get(name) ?? [];
    known.push(Number(value));
    values.set(name, known);
  }
  return values;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
