/**
 * @module Every metric of the server: its type, its words, its unit and its labels. The server writes them from this table,
 * and the dashboards and rules for Grafana and Prometheus are made of it.
 */

export type MetricType = "gauge" | "counter" | "histogram" | "summary";
export type MetricUnit = "seconds" | "bytes" | "tokens" | "share" | "count";

export interface MetricRow {
  readonly type: MetricType;
  readonly help: string;
  readonly unit: MetricUnit;
  /** Whether it has the labels `model_name` and `engine`. */
  readonly isOfModel: boolean;
  /** Labels besides. */
  readonly labels: readonly string[];
}

function row(
  type: MetricType,
  unit: MetricUnit,
  isOfModel: boolean,
  help: string,
  labels: readonly string[] = [],
): MetricRow {
  return { type, unit, isOfModel, help, labels };
}

export const metricTable = {
  "vllm:cache_config_info": row("gauge", "count", true, "The KV cache's configuration, as labels."),
  "vllm:e2e_request_latency_seconds": row("histogram", "seconds", true, "Arrival to end."),
  "vllm:engine_sleep_state": row("gauge", "count", true, "1 for the state of sleep that the engine is in.", [
    "sleep_state",
  ]),
  "vllm:generation_tokens_total": row("counter", "tokens", true, "Tokens generated."),
  "vllm:gpu_cache_usage_perc": row("gauge", "share", true, "Share of KV blocks in use, 0 to 1 (older name)."),
  "vllm:inter_token_latency_seconds": row("histogram", "seconds", true, "Between two tokens."),
  "vllm:iteration_tokens_total": row("histogram", "tokens", true, "Tokens of one step."),
  "vllm:kv_cache_usage_perc": row("gauge", "share", true, "Share of KV blocks in use, 0 to 1."),
  "vllm:num_preemptions_total": row("counter", "count", true, "Sequences preempted."),
  "vllm:num_requests_running": row("gauge", "count", true, "Requests in the running batch."),
  "vllm:num_requests_waiting": row("gauge", "count", true, "Requests waiting to be scheduled."),
  "vllm:num_requests_waiting_by_reason": row(
    "gauge",
    "count",
    true,
    "Requests waiting to be scheduled, by what they wait for.",
    ["reason"],
  ),
  "vllm:prefix_cache_hits_total": row("counter", "count", true, "Prompt tokens found."),
  "vllm:prefix_cache_queries_total": row("counter", "count", true, "Prompt tokens looked up."),
  "vllm:prompt_tokens_by_source_total": row(
    "counter",
    "tokens",
    true,
    "Prompt tokens by where their keys and values came from.",
    ["source"],
  ),
  "vllm:prompt_tokens_cached_total": row("counter", "tokens", true, "Prompt tokens from the prefix cache."),
  "vllm:prompt_tokens_total": row("counter", "tokens", true, "Prompt tokens, cached ones included."),
  "vllm:request_decode_time_seconds": row("histogram", "seconds", true, "First token to end."),
  "vllm:request_generation_tokens": row("histogram", "tokens", true, "Output tokens of a request."),
  "vllm:request_inference_time_seconds": row("histogram", "seconds", true, "First step to end."),
  "vllm:request_max_num_generation_tokens": row(
    "histogram",
    "tokens",
    true,
    "Output tokens of a request's longest sequence.",
  ),
  "vllm:request_num_preemptions": row("histogram", "count", true, "Preemptions of a request."),
  "vllm:request_params_max_tokens": row(
    "histogram",
    "tokens",
    true,
    "The max_tokens of requests that state it.",
  ),
  "vllm:request_params_n": row("histogram", "count", true, "Sequences that a request asked for."),
  "vllm:request_prefill_kv_computed_tokens": row(
    "histogram",
    "tokens",
    true,
    "Prompt tokens of a request that were not in the prefix cache.",
  ),
  "vllm:request_prefill_time_seconds": row("histogram", "seconds", true, "First step to first token."),
  "vllm:request_prompt_tokens": row("histogram", "tokens", true, "Prompt tokens of a request."),
  "vllm:request_queue_time_seconds": row("histogram", "seconds", true, "Arrival to first step."),
  "vllm:request_success_total": row("counter", "count", true, "Requests that ended, by reason.", [
    "finished_reason",
  ]),
  "vllm:request_time_per_output_token_seconds": row(
    "histogram",
    "seconds",
    true,
    "Mean time per output token after the first, of one request.",
  ),
  "vllm:time_per_output_token_seconds": row("histogram", "seconds", true, "Between two tokens (older name)."),
  "vllm:time_to_first_token_seconds": row("histogram", "seconds", true, "Arrival to first token."),
  nodejs_eventloop_lag_max_seconds: row(
    "gauge",
    "seconds",
    false,
    "Longest block of the event loop since the start.",
  ),
  nodejs_eventloop_lag_p50_seconds: row(
    "gauge",
    "seconds",
    false,
    "Delay of the event loop since the last scrape, median.",
  ),
  nodejs_eventloop_lag_p90_seconds: row("gauge", "seconds", false, "The same, 90th percentile."),
  nodejs_eventloop_lag_p99_seconds: row("gauge", "seconds", false, "The same, 99th percentile."),
  "pagoda:binding_limit": row("gauge", "count", true, "1 for the limit that bound most of the last minute.", [
    "limit",
  ]),
  "pagoda:binding_limit_share": row(
    "gauge",
    "share",
    true,
    "Share of the last minute by what bound it, 0 to 1.",
    ["limit"],
  ),
  "pagoda:connection_header_bytes": row(
    "gauge",
    "bytes",
    false,
    "Bytes of headers that are unfinished or whose request is in flight.",
  ),
  "pagoda:connections_closed_total": row(
    "counter",
    "count",
    false,
    "Connections that the server closed to keep within its limits, by reason.",
    ["reason"],
  ),
  "pagoda:connections_open": row("gauge", "count", false, "Open connections."),
  "pagoda:connections_refused_total": row(
    "counter",
    "count",
    false,
    "Requests refused because their connection was one too many.",
  ),
  "pagoda:kernels_info": row("gauge", "count", true, "The kernels in use, as a label.", ["kernels"]),
  "pagoda:kv_blocks": row("gauge", "count", true, "KV blocks by state.", ["state"]),
  "pagoda:kv_wasted_tokens": row(
    "gauge",
    "tokens",
    true,
    "Places in running sequences' blocks without a token.",
  ),
  "pagoda:log_lines_dropped_total": row(
    "counter",
    "count",
    false,
    "Log lines that standard error did not take.",
  ),
  "pagoda:memory_actual_bytes": row("gauge", "bytes", true, "Allocated bytes.", ["component"]),
  "pagoda:memory_cap_bytes": row("gauge", "bytes", true, "Most bytes this instance may use."),
  "pagoda:memory_planned_bytes": row("gauge", "bytes", true, "Planned bytes.", ["component"]),
  "pagoda:model_state": row("gauge", "count", true, "1 for the state that the model is in.", ["state"]),
  "pagoda:peak_resident_bytes": row("gauge", "bytes", true, "Peak resident size of the process."),
  "pagoda:resident_bytes": row("gauge", "bytes", true, "Resident size of the process."),
  "pagoda:setting": row("gauge", "count", true, "Settings of the running engine that are numbers.", [
    "setting",
  ]),
  "pagoda:step_outside_kernels_seconds": row(
    "histogram",
    "seconds",
    true,
    "Time of a step outside kernels and barriers.",
  ),
  "pagoda:steps_total": row("counter", "count", true, "Forward passes."),
  http_request_duration_highr_seconds: row(
    "histogram",
    "seconds",
    false,
    "Arrival of a request to the end of its answer, in many buckets.",
  ),
  http_request_duration_seconds: row(
    "histogram",
    "seconds",
    false,
    "Arrival of a request to the end of its answer, by method and path.",
    ["method", "handler"],
  ),
  http_request_size_bytes: row("summary", "bytes", false, "Announced length of request bodies.", ["handler"]),
  http_requests_total: row("counter", "count", false, "Requests by method, class of status and path.", [
    "method",
    "status",
    "handler",
  ]),
  http_response_size_bytes: row("summary", "bytes", false, "Announced length of answers; 0 for streams.", [
    "handler",
  ]),
  process_cpu_seconds_total: row("counter", "seconds", false, "Processor time, user and system."),
  process_max_fds: row("gauge", "count", false, "Most open file descriptors."),
  process_open_fds: row("gauge", "count", false, "Open file descriptors."),
  process_resident_memory_bytes: row("gauge", "bytes", false, "Resident size."),
  process_start_time_seconds: row("gauge", "seconds", false, "Start of the process, Unix time."),
  process_virtual_memory_bytes: row("gauge", "bytes", false, "Size of the address space."),
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof metricTable;
