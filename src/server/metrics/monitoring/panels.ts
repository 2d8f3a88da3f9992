/** @module The panels of the dashboard for Grafana, in the order in which an operator reads them. */
import type { MetricName } from "../metric-table.ts";

export interface Panel {
  readonly title: string;
  /** One line for each; the words of the first one's row explain the panel. */
  readonly metrics: readonly MetricName[];
  /** `ratio`: of the first metric to the second, both counters. */
  readonly draws: "gauge" | "rate" | "quantiles" | "ratio";
  /** Labels of its own that tell lines apart. */
  readonly by?: readonly string[];
  /** Whether the areas of the lines are put on each other. */
  readonly isStacked?: boolean;
  /** Whose servers have it: all engines', ours and vLLM's, or ours alone. */
  readonly engines: "all" | "pagoda and vllm" | "pagoda";
}

export interface PanelRow {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export const panelRows: readonly PanelRow[] = [
  {
    title: "Load",
    panels: [
      {
        title: "Requests running and waiting",
        metrics: ["vllm:num_requests_running", "vllm:num_requests_waiting"],
        draws: "gauge",
        engines: "all",
      },
      {
        title: "Tokens generated a second",
        metrics: ["vllm:generation_tokens_total"],
        draws: "rate",
        engines: "all",
      },
      {
        title: "Prompt tokens a second",
        metrics: ["vllm:prompt_tokens_total"],
        draws: "rate",
        engines: "all",
      },
      {
        title: "Requests that ended a second, by reason",
        metrics: ["vllm:request_success_total"],
        draws: "rate",
        by: ["finished_reason"],
        isStacked: true,
        engines: "pagoda and vllm",
      },
    ],
  },
  {
    title: "Latency",
    panels: [
      {
        title: "Time to first token",
        metrics: ["vllm:time_to_first_token_seconds"],
        draws: "quantiles",
        engines: "all",
      },
      {
        title: "Between two tokens",
        metrics: ["vllm:inter_token_latency_seconds"],
        draws: "quantiles",
        engines: "all",
      },
      {
        title: "Time in the queue",
        metrics: ["vllm:request_queue_time_seconds"],
        draws: "quantiles",
        engines: "all",
      },
      {
        title: "Whole request",
        metrics: ["vllm:e2e_request_latency_seconds"],
        draws: "quantiles",
        engines: "all",
      },
    ],
  },
  {
    title: "What binds",
    panels: [
      {
        title: "Share of the last minute by what bound it",
        metrics: ["pagoda:binding_limit_share"],
        draws: "gauge",
        by: ["limit"],
        isStacked: true,
        engines: "pagoda",
      },
      {
        title: "Preemptions a second",
        metrics: ["vllm:num_preemptions_total"],
        draws: "rate",
        engines: "pagoda and vllm",
      },
      {
        title: "Prompt tokens found in the prefix cache",
        metrics: ["vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total"],
        draws: "ratio",
        engines: "pagoda and vllm",
      },
      {
        title: "Settings in force",
        metrics: ["pagoda:setting"],
        draws: "gauge",
        by: ["setting"],
        engines: "pagoda",
      },
    ],
  },
  {
    title: "Memory",
    panels: [
      {
        title: "KV cache in use",
        metrics: ["vllm:kv_cache_usage_perc"],
        draws: "gauge",
        engines: "all",
      },
      {
        title: "KV blocks by state",
        metrics: ["pagoda:kv_blocks"],
        draws: "gauge",
        by: ["state"],
        isStacked: true,
        engines: "pagoda",
      },
      {
        title: "Bytes by component, planned",
        metrics: ["pagoda:memory_planned_bytes"],
        draws: "gauge",
        by: ["component"],
        isStacked: true,
        engines: "pagoda",
      },
      {
        title: "Bytes by component, actual",
        metrics: ["pagoda:memory_actual_bytes"],
        draws: "gauge",
        by: ["component"],
        isStacked: true,
        engines: "pagoda",
      },
      {
        title: "Resident bytes and the cap",
        metrics: ["pagoda:resident_bytes", "pagoda:peak_resident_bytes", "pagoda:memory_cap_bytes"],
        draws: "gauge",
        engines: "pagoda",
      },
    ],
  },
  {
    title: "Server",
    panels: [
      {
        title: "Delay of the event loop",
        metrics: ["nodejs_eventloop_lag_p50_seconds", "nodejs_eventloop_lag_p99_seconds"],
        draws: "gauge",
        engines: "pagoda",
      },
      {
        title: "Open connections",
        metrics: ["pagoda:connections_open"],
        draws: "gauge",
        engines: "pagoda",
      },
      {
        title: "HTTP requests a second, by class of status",
        metrics: ["http_requests_total"],
        draws: "rate",
        by: ["status"],
        isStacked: true,
        engines: "pagoda",
      },
      {
        title: "Processor time, cores",
        metrics: ["process_cpu_seconds_total"],
        draws: "rate",
        engines: "pagoda",
      },
    ],
  },
];
