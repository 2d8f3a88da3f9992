/** @module The load of an endpoint from its Prometheus metrics, under the names of the engines that are known. */
import type { EndpointCounters, EndpointSnapshot } from "../core/endpoint.ts";

interface Names {
  readonly engine: string;
  readonly running: string;
  readonly waiting: string;
  readonly kvUsage: string;
  /** Counters, with the suffix that Prometheus' libraries write; null: it has none. */
  readonly counters: Readonly<Record<keyof EndpointCounters, string>> | null;
}

/** The Gateway API Inference Extension's model server protocol: vLLM (and this server), SGLang, LMDeploy, llama-server. */
const dialects: readonly Names[] = [
  {
    engine: "vllm",
    running: "vllm:num_requests_running",
    waiting: "vllm:num_requests_waiting",
    kvUsage: "vllm:kv_cache_usage_perc",
    counters: {
      numPromptTokens: "vllm:prompt_tokens_total",
      numGenerationTokens: "vllm:generation_tokens_total",
      numPreemptions: "vllm:num_preemptions_total",
      numPrefixQueryTokens: "vllm:prefix_cache_queries_total",
      numPrefixHitTokens: "vllm:prefix_cache_hits_total",
    },
  },
  {
    engine: "sglang",
    running: "sglang:num_running_reqs",
    waiting: "sglang:num_queue_reqs",
    kvUsage: "sglang:token_usage",
    counters: null,
  },
  {
    engine: "lmdeploy",
    running: "lmdeploy:num_requests_running",
    waiting: "lmdeploy:num_requests_waiting",
    kvUsage: "lmdeploy:gpu_cache_usage_perc",
    counters: {
      numPromptTokens: "lmdeploy:prompt_tokens_total",
      numGenerationTokens: "lmdeploy:generation_tokens_total",
      numPreemptions: "lmdeploy:num_preemptions_total",
      numPrefixQueryTokens: "lmdeploy:prompt_tokens_total",
      numPrefixHitTokens: "lmdeploy:cached_tokens_total",
    },
  },
  {
    engine: "llama-server",
    running: "llamacpp:requests_processing",
    waiting: "llamacpp:requests_deferred",
    kvUsage: "llamacpp:kv_cache_usage_ratio",
    counters: null,
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
      engine: names.engine,
      numRunning: sum(running),
      numWaiting: sum(values.get(names.waiting) ?? []),
      kvCacheUsage: usage === undefined ? null : sum(usage) / usage.length,
      ...(names.counters === null ? {} : { counters: countersIn(values, names.counters) }),
    };
  }
  return null;
}

function countersIn(
  values: ReadonlyMap<string, readonly number[]>,
  names: Readonly<Record<keyof EndpointCounters, string>>,
): EndpointCounters {
  const read = Object.entries(names).map(([key, name]) => {
    const found = values.get(name);
    return [key, found === undefined ? null : sum(found)];
  });
  // Each key of the names has a value.
  return Object.fromEntries(read) as EndpointCounters;
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
