/** @module What is observed as requests and steps of an engine end, under vLLM's names; one set for all models. */
import type { Counter, Histogram } from "prom-client";
import type { EngineObserver, RequestRecord } from "../../core/generation.ts";
import {
  firstTokenSeconds,
  preemptionCounts,
  requestSeconds,
  requestTokens,
  sequenceCounts,
  stepSeconds,
  stepTokens,
  tokenSeconds,
} from "./buckets.ts";
import type { Instruments } from "./instruments.ts";
import type { MetricName } from "./metric-table.ts";
import type { ModelLabels } from "./model-labels.ts";

const outcomes: readonly RequestRecord["outcome"][] = ["stop", "length", "abort", "error"];
const labelNames = ["model_name", "engine"];

/** Name and buckets: each is `vllm:…` of the same meaning, but the last. */
const histograms = {
  ttft: ["vllm:time_to_first_token_seconds", firstTokenSeconds],
  interToken: ["vllm:inter_token_latency_seconds", tokenSeconds],
  // The older name of the same, which vLLM's grafana.json of 2025 reads.
  interTokenOlder: ["vllm:time_per_output_token_seconds", tokenSeconds],
  perOutputToken: ["vllm:request_time_per_output_token_seconds", tokenSeconds],
  endToEnd: ["vllm:e2e_request_latency_seconds", requestSeconds],
  queue: ["vllm:request_queue_time_seconds", requestSeconds],
  prefill: ["vllm:request_prefill_time_seconds", requestSeconds],
  decode: ["vllm:request_decode_time_seconds", requestSeconds],
  inference: ["vllm:request_inference_time_seconds", requestSeconds],
  promptTokens: ["vllm:request_prompt_tokens", requestTokens],
  computedTokens: ["vllm:request_prefill_kv_computed_tokens", requestTokens],
  generationTokens: ["vllm:request_generation_tokens", requestTokens],
  longestOutput: ["vllm:request_max_num_generation_tokens", requestTokens],
  paramN: ["vllm:request_params_n", sequenceCounts],
  paramMaxTokens: ["vllm:request_params_max_tokens", requestTokens],
  preemptions: ["vllm:request_num_preemptions", preemptionCounts],
  stepTokens: ["vllm:iteration_tokens_total", stepTokens],
  outsideKernels: ["pagoda:step_outside_kernels_seconds", stepSeconds],
} as const satisfies Record<string, readonly [name: MetricName, buckets: readonly number[]]>;

type HistogramName = keyof typeof histograms;

export class RequestMetrics {
  readonly #finished: Counter<string>;
  readonly #histograms: Readonly<Record<HistogramName, Histogram<string>>>;

  constructor(instruments: Instruments) {
    this.#finished = instruments.counter("vllm:request_success_total", [...labelNames, "finished_reason"]);
    const made = Object.entries(histograms).map(([key, [name, buckets]]) => [
      key,
      instruments.histogram(name, buckets, labelNames),
    ]);
    // Each key of the table has the histogram that was made of its row.
    this.#histograms = Object.fromEntries(made) as Record<HistogramName, Histogram<string>>;
  }

  /** For one engine. A rate needs a zero to begin with, so the counters begin here. */
  observer(labels: ModelLabels): EngineObserver {
    for (const finished_reason of outcomes) this.#finished.inc({ ...labels, finished_reason }, 0);
    return {
      requestFinished: (record) => this.#requestFinished(labels, record),
      stepFinished: ({ numTokens, outsideKernelsMs }) => {
        this.#histograms.stepTokens.observe(labels, numTokens);
        this.#histograms.outsideKernels.observe(labels, outsideKernelsMs / 1000);
      },
    };
  }

  #requestFinished(labels: ModelLabels, record: RequestRecord): void {
    const observe = (name: HistogramName, value: number): void =>
      this.#histograms[name].observe(labels, value);
    this.#finished.inc({ ...labels, finished_reason: record.outcome });
    observe("promptTokens", record.numPromptTokens);
    observe("computedTokens", record.numPromptTokens - record.numCachedTokens);
    observe("generationTokens", record.numCompletionTokens);
    observe("longestOutput", record.longestCompletionTokens);
    observe("paramN", record.n);
    if (record.maxTokens !== null) observe("paramMaxTokens", record.maxTokens);
    observe("preemptions", record.numPreemptions);
    observe("endToEnd", seconds(record.arrivedMs, record.finishedMs));
    for (const ms of record.interTokenMs) {
      observe("interToken", ms / 1000);
      observe("interTokenOlder", ms / 1000);
    }
    const { scheduledMs, firstTokenMs } = record;
    if (scheduledMs === null) return;
    observe("queue", seconds(record.arrivedMs, scheduledMs));
    observe("inference", seconds(scheduledMs, record.finishedMs));
    if (firstTokenMs === null) return;
    observe("ttft", seconds(record.arrivedMs, firstTokenMs));
    observe("prefill", seconds(scheduledMs, firstTokenMs));
    const decodeSeconds = seconds(firstTokenMs, record.finishedMs);
    observe("decode", decodeSeconds);
    if (record.numCompletionTokens > 1)
      observe("perOutputToken", decodeSeconds / (record.numCompletionTokens - 1));
  }
}

function seconds(fromMs: number, toMs: number): number {
  return (toMs - fromMs) / 1000;
}
