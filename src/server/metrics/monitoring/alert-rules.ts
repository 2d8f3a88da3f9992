/** @module Alerting rules for Prometheus, made of the metric table. */
import type { MetricName } from "../metric-table.ts";
import { gauge, labelsOf, quantile, rate, ratio } from "./expressions.ts";

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  /** How long it must hold. */
  readonly for: string;
  readonly labels: { readonly severity: "critical" | "warning" | "info" };
  readonly annotations: { readonly summary: string; readonly description: string };
}

/** Above it the pool is full for a newcomer, who needs some blocks at once. */
const fullPool = 0.9;
/** Goals that fit an interactive service; a batch service has others. */
const goalSeconds = { firstToken: 5, betweenTokens: 0.5 } as const;
const all = { matchers: "", window: "5m" } as const;
const model = "{{ $labels.model_name }} at {{ $labels.instance }}";

/** By hand where series of two metrics meet: they have these labels in common. */
function onLabels(name: MetricName): string {
  return `on (${labelsOf(name).join(", ")})`;
}

function rule(
  alert: string,
  severity: AlertRule["labels"]["severity"],
  parts: {
    readonly expr: string;
    readonly for: string;
    readonly summary: string;
    readonly description: string;
  },
): AlertRule {
  const { summary, description } = parts;
  return {
    alert,
    expr: parts.expr,
    for: parts.for,
    labels: { severity },
    annotations: { summary, description },
  };
}

const loadRules: readonly AlertRule[] = [
  rule("LlmKvCacheFull", "warning", {
    expr: `${gauge("vllm:kv_cache_usage_perc", all)} > ${fullPool} and ${onLabels("vllm:num_requests_waiting")} ${gauge("vllm:num_requests_waiting", all)} > 0`,
    for: "5m",
    summary: `Requests wait for KV cache: ${model}`,
    description:
      "{{ $value | humanizePercentage }} of the KV cache is in use and requests wait. Give it more memory, a shorter --max-model-len, or another instance.",
  }),
  rule("LlmPreemptions", "warning", {
    expr: `${rate("vllm:num_preemptions_total", all)} > 0.1`,
    for: "10m",
    summary: `Sequences are preempted: ${model}`,
    description:
      "{{ $value | humanize }} sequences a second lose their KV blocks and are computed again. Lower --max-num-seqs, or give the KV cache more memory.",
  }),
  rule("LlmSlowFirstToken", "warning", {
    expr: `${quantile("vllm:time_to_first_token_seconds", 0.99, all)} > ${goalSeconds.firstToken}`,
    for: "10m",
    summary: `First tokens come late: ${model}`,
    description: `The 99th percentile is {{ $value | humanizeDuration }}; the goal is ${goalSeconds.firstToken} seconds. The binding limit says what to change.`,
  }),
  rule("LlmSlowTokens", "warning", {
    expr: `${quantile("vllm:inter_token_latency_seconds", 0.99, all)} > ${goalSeconds.betweenTokens}`,
    for: "10m",
    summary: `Tokens come slowly: ${model}`,
    description: `The 99th percentile between two tokens is {{ $value | humanizeDuration }}; the goal is ${1000 * goalSeconds.betweenTokens} ms. A lower --max-num-batched-tokens or --max-step-ms makes steps shorter.`,
  }),
  rule("LlmRequestsFail", "critical", {
    expr: `${rate("vllm:request_success_total", { matchers: 'finished_reason="error"', window: "5m" })} > 0`,
    for: "5m",
    summary: `Requests end with errors: ${model}`,
    description:
      "{{ $value | humanize }} requests a second end with an error. The server's log has the reason.",
  }),
];

const pagodaRules: readonly AlertRule[] = [
  rule("PagodaModelFailed", "critical", {
    expr: `${gauge("pagoda:model_state", { matchers: 'state="failed"' })} == 1`,
    for: "1m",
    summary: `The model has failed: ${model}`,
    description:
      "Its engine has stopped, or the server behind it does not answer. GET /health has the reason.",
  }),
  rule("PagodaRestartsOften", "critical", {
    expr: `changes(${gauge("process_start_time_seconds", all)}[30m]) > 2 and on (job, instance) ${gauge("pagoda:connections_open", all)}`,
    for: "1m",
    summary: "The server restarts again and again: {{ $labels.instance }}",
    description: "It has started {{ $value }} times in half an hour. The end of its log says why it ended.",
  }),
  rule("PagodaBeyondPlan", "warning", {
    expr: `${gauge("pagoda:memory_actual_bytes", all)} > 1.05 * ${gauge("pagoda:memory_planned_bytes", all)}`,
    for: "5m",
    summary: `{{ $labels.component }} is larger than planned: ${model}`,
    description:
      "It holds {{ $value | humanize1024 }}B, more than 5 % above the plan. GET /admin/memory has both numbers.",
  }),
  rule("PagodaBeyondCap", "critical", {
    expr: `${gauge("pagoda:resident_bytes", all)} > ${gauge("pagoda:memory_cap_bytes", all)}`,
    for: "1m",
    summary: `The process is larger than its cap: ${model}`,
    description:
      "It holds {{ $value | humanize1024 }}B. This is a fault of the server: please report it with GET /admin/memory.",
  }),
  rule("PagodaLimitBinds", "info", {
    expr: `${gauge("pagoda:binding_limit_share", { matchers: 'limit=~"kv_blocks|seats|step_tokens|step_time|router_queue"' })} > 0.5`,
    for: "15m",
    summary: `{{ $labels.limit }} binds: ${model}`,
    description:
      "It bound {{ $value | humanizePercentage }} of the last minute. GET /admin/snapshot has the flag that relieves it, and its cost.",
  }),
  rule("PagodaPrefixCacheUseless", "info", {
    expr: `${ratio("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total", { matchers: "", window: "1h" })} < 0.01 and ${rate("vllm:prefix_cache_queries_total", { matchers: "", window: "1h" })} > 10`,
    for: "1h",
    summary: `The prefix cache finds nothing: ${model}`,
    description:
      "{{ $value | humanizePercentage }} of the prompt tokens were found in an hour. GET /admin/prefix-cache/curve says whether a larger pool would find more.",
  }),
  rule("PagodaEventLoopBlocked", "warning", {
    expr: `${gauge("nodejs_eventloop_lag_p99_seconds", all)} > 0.25`,
    for: "5m",
    summary: "The server's event loop is blocked: {{ $labels.instance }}",
    description:
      "Answers wait {{ $value | humanizeDuration }} for it. Very long prompts or many connections cause it.",
  }),
  rule("PagodaConnectionsRefused", "warning", {
    expr: `${rate("pagoda:connections_refused_total", all)} > 0`,
    for: "5m",
    summary: "Connections are refused: {{ $labels.instance }}",
    description: "All connections that --max-connections allows have requests in flight.",
  }),
  rule("PagodaLogLinesDropped", "info", {
    expr: `${rate("pagoda:log_lines_dropped_total", all)} > 0`,
    for: "5m",
    summary: "Log lines are dropped: {{ $labels.instance }}",
    description: "The reader of the server's standard error is too slow.",
  }),
];

/** The content of a rule file. */
export function alertRules(): { readonly groups: readonly { name: string; rules: readonly AlertRule[] }[] } {
  return {
    groups: [
      { name: "llm-servers", rules: loadRules },
      { name: "pagoda", rules: pagodaRules },
    ],
  };
}
