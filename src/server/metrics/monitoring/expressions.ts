/** @module Prometheus expressions over the metric table. Every name is a key of the table, so a metric that goes is missed here. */
import { type MetricName, metricTable } from "../metric-table.ts";

/** LMDeploy's names for metrics that have the same meaning; its servers have no others. */
const lmdeployNames: Partial<Record<MetricName, string>> = {
  "vllm:num_requests_running": "lmdeploy:num_requests_running",
  "vllm:num_requests_waiting": "lmdeploy:num_requests_waiting",
  "vllm:kv_cache_usage_perc": "lmdeploy:gpu_cache_usage_perc",
  "vllm:prompt_tokens_total": "lmdeploy:prompt_tokens_total",
  "vllm:generation_tokens_total": "lmdeploy:generation_tokens_total",
  "vllm:prompt_tokens_cached_total": "lmdeploy:cached_tokens_total",
  "vllm:time_to_first_token_seconds": "lmdeploy:time_to_first_token_seconds",
  "vllm:inter_token_latency_seconds": "lmdeploy:time_per_output_token_seconds",
  "vllm:e2e_request_latency_seconds": "lmdeploy:e2e_request_latency_seconds",
  "vllm:request_queue_time_seconds": "lmdeploy:request_queue_time_seconds",
};

export interface Selection {
  /** Between braces; empty: every series. */
  readonly matchers: string;
  /** The window of rates, such as `5m`. */
  readonly window: string;
}

/** Labels beyond those of the series itself by which figures are told apart. */
const serverLabels = ["job", "instance"] as const;

export function gauge(name: MetricName, { matchers }: Pick<Selection, "matchers">): string {
  return eitherOf(name, (one) => `${one}${braced(matchers)}`);
}

/** Of a counter, a second. */
export function rate(name: MetricName, { matchers, window }: Selection): string {
  return eitherOf(name, (one) => `rate(${one}${braced(matchers)}[${window}])`);
}

/** `share`: 0.5 for the median. */
export function quantile(name: MetricName, share: number, { matchers, window }: Selection): string {
  const labels = ["le", ...labelsOf(name)].join(", ");
  const buckets = eitherOf(name, (one) => `rate(${one}_bucket${braced(matchers)}[${window}])`);
  return `histogram_quantile(${share}, sum by (${labels}) (${buckets}))`;
}

/** Of two counters. */
export function ratio(part: MetricName, whole: MetricName, selection: Selection): string {
  return `${rate(part, selection)} / ${rate(whole, selection)}`;
}

/** What tells the series of a metric apart, but for labels of its own. */
export function labelsOf(name: MetricName): readonly string[] {
  return metricTable[name].isOfModel ? [...serverLabels, "model_name"] : serverLabels;
}

function eitherOf(name: MetricName, write: (name: string) => string): string {
  const other = lmdeployNames[name];
  return other === undefined ? write(name) : `(${write(name)} or ${write(other)})`;
}

function braced(matchers: string): string {
  return matchers === "" ? "" : `{${matchers}}`;
}
