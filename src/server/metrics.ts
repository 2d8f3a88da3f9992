/** @module Prometheus metrics: vLLM's names, which gateways and dashboards read, and our own beside them. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EngineObserver, EngineStats, GenerationService, RequestRecord } from "../core/generation.ts";
import type { MemoryReport } from "../core/memory-report.ts";

const ttftSeconds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160,
];
const tokenSeconds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 10,
];
const requestSeconds = [
  0.01, 0.05, 0.1, 0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480,
];
const tokenCounts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000];
const stepMs = [0.1, 0.2, 0.3, 0.5, 1, 1.5, 2, 5, 10, 20, 50, 100, 200, 300, 500, 1000, 2000];

const outcomes: readonly RequestRecord["outcome"][] = ["stop", "length", "abort", "error"];
const labelNames = ["model_name", "engine"] as const;
type Label = (typeof labelNames)[number];

export class ServerMetrics implements EngineObserver {
  readonly #registry = new Registry();
  /** vLLM's labels of every metric; the engine index is always 0 here. */
  readonly #labels: Record<Label, string>;
  readonly #gauges = new Map<string, Gauge<string>>();
  readonly #counters = new Map<string, Counter<string>>();
  readonly #finished: Counter<string>;
  readonly #ttft: Histogram<Label>;
  readonly #interToken: Histogram<Label>;
  readonly #perOutputToken: Histogram<Label>;
  readonly #endToEnd: Histogram<Label>;
  readonly #queue: Histogram<Label>;
  readonly #prefill: Histogram<Label>;
  readonly #decode: Histogram<Label>;
  readonly #inference: Histogram<Label>;
  readonly #promptTokens: Histogram<Label>;
  readonly #generationTokens: Histogram<Label>;
  readonly #iterationTokens: Histogram<Label>;
  readonly #stepOutsideKernels: Histogram<Label>;

  constructor(modelId: string) {
    this.#labels = { model_name: modelId, engine: "0" };
    this.#finished = new Counter({
      name: "vllm:request_success_total",
      help: "Requests that ended, by reason.",
      labelNames: [...labelNames, "finished_reason"],
      registers: [this.#registry],
    });
    // A rate needs a zero to begin with.
    for (const outcome of outcomes) this.#finished.inc({ ...this.#labels, finished_reason: outcome }, 0);
    this.#ttft = this.#histogram("vllm:time_to_first_token_seconds", "Arrival to first token.", ttftSeconds);
    this.#interToken = this.#histogram(
      "vllm:inter_token_latency_seconds",
      "Between two tokens.",
      tokenSeconds,
    );
    this.#perOutputToken = this.#histogram(
      "vllm:request_time_per_output_token_seconds",
      "Mean time per output token after the first, of one request.",
      tokenSeconds,
    );
    this.#endToEnd = this.#histogram("vllm:e2e_request_latency_seconds", "Arrival to end.", requestSeconds);
    this.#queue = this.#histogram(
      "vllm:request_queue_time_seconds",
      "Arrival to first step.",
      requestSeconds,
    );
    this.#prefill = this.#histogram(
      "vllm:request_prefill_time_seconds",
      "First step to first token.",
      requestSeconds,
    );
    this.#decode = this.#histogram("vllm:request_decode_time_seconds", "First token to end.", requestSeconds);
    this.#inference = this.#histogram(
      "vllm:request_inference_time_seconds",
      "First step to end.",
      requestSeconds,
    );
    this.#promptTokens = this.#histogram(
      "vllm:request_prompt_tokens",
      "Prompt tokens of a request.",
      tokenCounts,
    );
    this.#generationTokens = this.#histogram(
      "vllm:request_generation_tokens",
      "Output tokens of a request.",
      tokenCounts,
    );
    this.#iterationTokens = this.#histogram(
      "vllm:iteration_tokens_total",
      "Tokens of one step.",
      tokenCounts,
    );
    this.#stepOutsideKernels = this.#histogram(
      "pagoda:step_outside_kernels_ms",
      "Milliseconds of a step outside kernels and barriers.",
      stepMs,
    );
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The exposition text, with gauges and counters read from the service now. */
  scrape(service: GenerationService | null): Promise<string> {
    if (service !== null) {
      this.#readStats(service.stats());
      this.#readMemory(service.memory());
    }
    return this.#registry.metrics();
  }

  requestFinished(record: RequestRecord): void {
    this.#finished.inc({ ...this.#labels, finished_reason: record.outcome });
    this.#promptTokens.observe(this.#labels, record.numPromptTokens);
    this.#generationTokens.observe(this.#labels, record.numCompletionTokens);
    this.#endToEnd.observe(this.#labels, seconds(record.arrivedMs, record.finishedMs));
    for (const ms of record.interTokenMs) this.#interToken.observe(this.#labels, ms / 1000);
    const { scheduledMs, firstTokenMs } = record;
    if (scheduledMs === null) return;
    this.#queue.observe(this.#labels, seconds(record.arrivedMs, scheduledMs));
    this.#inference.observe(this.#labels, seconds(scheduledMs, record.finishedMs));
    if (firstTokenMs === null) return;
    this.#ttft.observe(this.#labels, seconds(record.arrivedMs, firstTokenMs));
    this.#prefill.observe(this.#labels, seconds(scheduledMs, firstTokenMs));
    const decodeSeconds = seconds(firstTokenMs, record.finishedMs);
    this.#decode.observe(this.#labels, decodeSeconds);
    if (record.numCompletionTokens > 1)
      this.#perOutputToken.observe(this.#labels, decodeSeconds / (record.numCompletionTokens - 1));
  }

  stepFinished(record: { readonly numTokens: number; readonly outsideKernelsMs: number }): void {
    this.#iterationTokens.observe(this.#labels, record.numTokens);
    this.#stepOutsideKernels.observe(this.#labels, record.outsideKernelsMs);
  }

  #readStats(stats: EngineStats): void {
    this.#gauge("vllm:num_requests_running", "Requests in the running batch.", stats.numRunning);
    this.#gauge("vllm:num_requests_waiting", "Requests waiting to be scheduled.", stats.numWaiting);
    this.#gauge("vllm:kv_cache_usage_perc", "Share of KV blocks in use, 0 to 1.", stats.kvCacheUsage);
    this.#gauge(
      "pagoda:kv_wasted_tokens",
      "Places in running sequences' blocks without a token.",
      stats.numWastedTokens,
    );
    this.#counter("vllm:num_preemptions_total", "Sequences preempted.", stats.numPreemptions);
    this.#counter("vllm:prefix_cache_queries_total", "Prompt tokens looked up.", stats.numPrefixQueryTokens);
    this.#counter("vllm:prefix_cache_hits_total", "Prompt tokens found.", stats.numPrefixHitTokens);
    this.#counter("vllm:prompt_tokens_total", "Prompt tokens, cached ones included.", stats.numPromptTokens);
    this.#counter("vllm:generation_tokens_total", "Tokens generated.", stats.numGenerationTokens);
    this.#counter("pagoda:steps_total", "Forward passes.", stats.numSteps);
  }

  #readMemory(memory: MemoryReport): void {
    const { blocks } = memory;
    this.#gauge("vllm:cache_config_info", "The KV cache's shape, as labels.", 1, {
      block_size: String(blocks.blockSize),
      num_gpu_blocks: String(blocks.numTotal),
    });
    for (const component of memory.components) {
      const { name } = component;
      this.#gauge("pagoda:memory_planned_bytes", "Planned bytes.", component.plannedBytes, {
        component: name,
      });
      this.#gauge("pagoda:memory_actual_bytes", "Allocated bytes.", component.actualBytes, {
        component: name,
      });
    }
    this.#gauge("pagoda:kernels_info", "The kernels in use, as a label.", 1, { kernels: memory.kernels });
    this.#gauge("pagoda:resident_bytes", "Resident size of the process.", memory.residentBytes);
    this.#gauge("pagoda:peak_resident_bytes", "Peak resident size of the process.", memory.peakResidentBytes);
    this.#gauge("pagoda:kv_blocks", "KV blocks by state.", blocks.numFree, { state: "free" });
    this.#gauge("pagoda:kv_blocks", "KV blocks by state.", blocks.numCached, { state: "cached" });
    this.#gauge("pagoda:kv_blocks", "KV blocks by state.", blocks.numReferenced, { state: "referenced" });
    if (memory.budget.capBytes !== null)
      this.#gauge("pagoda:memory_cap_bytes", "Most bytes this instance may use.", memory.budget.capBytes);
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram<Label> {
    return new Histogram({ name, help, buckets, labelNames: [...labelNames], registers: [this.#registry] });
  }

  #gauge(name: string, help: string, value: number, extra: Record<string, string> = {}): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      const names = [...labelNames, ...Object.keys(extra)];
      gauge = new Gauge({ name, help, labelNames: names, registers: [this.#registry] });
      this.#gauges.set(name, gauge);
    }
    gauge.set({ ...this.#labels, ...extra }, value);
  }

  /** The engine's figure is cumulative already: the counter is set to it. */
  #counter(name: string, help: string, total: number): void {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = new Counter({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
      this.#counters.set(name, counter);
    }
    counter.reset();
    counter.inc(this.#labels, total);
  }
}

function seconds(fromMs: number, toMs: number): number {
  return (toMs - fromMs) / 1000;
}
