import assert from "node:assert/strict";
import { test } from "node:test";
import { testApp } from "../testing/test-app.ts";
import { type MetricRow, metricTable } from "./metric-table.ts";

/** The value of one sample line. */
function sample(text: string, name: string, labels: Record<string, string> = {}): number {
  const line = text
    .split("\n")
    .find(
      (candidate) =>
        candidate.startsWith(`${name}{`) &&
        Object.entries(labels).every(([key, value]) => candidate.includes(`${key}="${value}"`)),
    );
  assert.ok(line !== undefined, `${name} is missing`);
  return Number(line.split(" ").at(-1));
}

test("vLLM's names and ours, from the engine's own figures", async () => {
  const { app, metrics, entry } = testApp({ text: "" });
  const observer = metrics.observerFor(entry);
  const first = (await app.inject("/metrics")).body;
  for (const finished_reason of ["stop", "length", "abort", "error"])
    assert.equal(sample(first, "vllm:request_success_total", { finished_reason }), 0);
  observer.requestFinished({
    requestId: "r",
    outcome: "length",
    arrivedMs: 1000,
    scheduledMs: 1100,
    firstTokenMs: 1300,
    finishedMs: 2300,
    interTokenMs: [500, 500],
    numPromptTokens: 10,
    numCachedTokens: 4,
    numCompletionTokens: 3,
    longestCompletionTokens: 2,
    numPreemptions: 1,
    n: 2,
    maxTokens: 2,
  });
  observer.stepFinished({ numTokens: 12, totalMs: 1, outsideKernelsMs: 0.25 });
  await app.inject("/metrics");
  // A second scrape must not count the engine's cumulative figures twice.
  const text = (await app.inject("/metrics")).body;
  const expected: [string, Record<string, string>, number][] = [
    ["vllm:num_requests_running", { model_name: "scripted", engine: "0" }, 1],
    ["vllm:num_requests_waiting", {}, 2],
    ["vllm:kv_cache_usage_perc", {}, 0.25],
    ["vllm:prefix_cache_queries_total", {}, 100],
    ["vllm:prefix_cache_hits_total", {}, 60],
    ["vllm:prompt_tokens_total", {}, 40],
    ["vllm:generation_tokens_total", {}, 0],
    ["vllm:num_preemptions_total", {}, 3],
    ["vllm:request_success_total", { finished_reason: "length" }, 1],
    ["vllm:cache_config_info", { block_size: "16", num_gpu_blocks: "8" }, 1],
    ["vllm:time_to_first_token_seconds_sum", {}, 0.3],
    ["vllm:inter_token_latency_seconds_sum", {}, 1],
    ["vllm:request_time_per_output_token_seconds_sum", {}, 0.5],
    ["vllm:e2e_request_latency_seconds_sum", {}, 1.3],
    ["vllm:request_queue_time_seconds_sum", {}, 0.1],
    ["vllm:request_prefill_time_seconds_sum", {}, 0.2],
    ["vllm:request_decode_time_seconds_sum", {}, 1],
    ["vllm:request_inference_time_seconds_sum", {}, 1.2],
    ["vllm:request_prompt_tokens_sum", {}, 10],
    ["vllm:request_generation_tokens_sum", {}, 3],
    ["vllm:iteration_tokens_total_sum", {}, 12],
    ["pagoda:steps_total", {}, 7],
    ["pagoda:step_outside_kernels_seconds_sum", {}, 0.00025],
    ["vllm:request_max_num_generation_tokens_sum", {}, 2],
    ["vllm:request_prefill_kv_computed_tokens_sum", {}, 6],
    ["vllm:request_params_n_sum", {}, 2],
    ["vllm:request_params_max_tokens_sum", {}, 2],
    ["vllm:request_num_preemptions_sum", {}, 1],
    ["vllm:num_requests_waiting_by_reason", { reason: "capacity" }, 2],
    ["vllm:engine_sleep_state", { sleep_state: "awake" }, 1],
    ["vllm:prompt_tokens_cached_total", {}, 24],
    ["vllm:prompt_tokens_by_source_total", { source: "local_compute" }, 16],
    ["pagoda:model_state", { state: "ready" }, 1],
    ["http_requests_total", { handler: "/metrics", method: "GET", status: "2xx" }, 2],
    ["pagoda:memory_planned_bytes", { component: "kvPool" }, 64],
    ["pagoda:memory_cap_bytes", {}, 1000],
    ["pagoda:kernels_info", { kernels: "none" }, 1],
    ["pagoda:resident_bytes", {}, 900],
    ["pagoda:kv_blocks", { state: "cached" }, 2],
  ];
  for (const [name, labels, value] of expected) assert.equal(sample(text, name, labels), value, name);
});

test("the table has the type, the words and the labels of every metric that is exposed, and of no other", async () => {
  const { app, metrics, entry } = testApp({ text: "a" });
  metrics.observerFor(entry).stepFinished({ numTokens: 1, totalMs: 1, outsideKernelsMs: 1 });
  await app.inject({ method: "POST", url: "/v1/completions", payload: { prompt: "a" } });
  const { body } = await app.inject("/metrics");
  const types = new Map([...body.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name, type]) => [name, type]));
  const rows = Object.entries<MetricRow>(metricTable);
  assert.deepEqual([...types.keys()].sort(), rows.map(([name]) => name).sort());
  for (const [name, { type, isOfModel, labels }] of rows) {
    assert.equal(types.get(name), type, name);
    const [, shown = ""] = new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{([^}]*)\\}`, "m").exec(body) ?? [];
    const names = [...shown.matchAll(/(\w+)="/g)].map(([, label]) => label);
    if (isOfModel && shown !== "") assert.ok(names.includes("model_name"), name);
    if (shown !== "") for (const label of labels) assert.ok(names.includes(label), `${name} ${label}`);
  }
});
