/** What vLLM's own dashboards read is there, and the exposition is well-formed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { testApp } from "../testing/test-app.ts";

/**
 * Metric names of vLLM's examples/online_serving: prometheus_grafana/grafana.json, dashboards/grafana/performance_statistics
 * and query_statistics. The last two write `vllm_` for `vllm:`; see docs/metrics.md.
 */
const readByDashboards: Readonly<Record<string, readonly string[]>> = {
  grafana: [
    "vllm:e2e_request_latency_seconds_bucket",
    "vllm:e2e_request_latency_seconds_sum",
    "vllm:e2e_request_latency_seconds_count",
    "vllm:prompt_tokens_total",
    "vllm:generation_tokens_total",
    "vllm:time_per_output_token_seconds_bucket",
    "vllm:time_per_output_token_seconds_sum",
    "vllm:time_per_output_token_seconds_count",
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:time_to_first_token_seconds_bucket",
    "vllm:time_to_first_token_seconds_sum",
    "vllm:time_to_first_token_seconds_count",
    "vllm:gpu_cache_usage_perc",
    "vllm:request_prompt_tokens_bucket",
    "vllm:request_generation_tokens_bucket",
    "vllm:request_success_total",
    "vllm:request_queue_time_seconds_sum",
    "vllm:request_prefill_time_seconds_sum",
    "vllm:request_decode_time_seconds_sum",
    "vllm:request_max_num_generation_tokens_sum",
  ],
  performance_statistics: [
    "vllm:e2e_request_latency_seconds_bucket",
    "vllm:e2e_request_latency_seconds_sum",
    "vllm:e2e_request_latency_seconds_count",
    "vllm:time_to_first_token_seconds_bucket",
    "vllm:time_to_first_token_seconds_sum",
    "vllm:time_to_first_token_seconds_count",
    "vllm:inter_token_latency_seconds_bucket",
    "vllm:inter_token_latency_seconds_sum",
    "vllm:inter_token_latency_seconds_count",
    "vllm:generation_tokens_total",
    "vllm:prompt_tokens_total",
    "vllm:iteration_tokens_total_count",
  ],
  query_statistics: [
    "vllm:request_success_total",
    "vllm:e2e_request_latency_seconds_bucket",
    "vllm:request_prompt_tokens_bucket",
    "vllm:prompt_tokens_total",
    "vllm:generation_tokens_total",
  ],
};

async function scraped(): Promise<string> {
  const { app, metrics, entry } = testApp({ text: "" });
  metrics.observerFor(entry).requestFinished({
    ...{ requestId: "r", outcome: "stop", arrivedMs: 0, scheduledMs: 1, firstTokenMs: 2, finishedMs: 3 },
    ...{ interTokenMs: [1], numPromptTokens: 2, numCachedTokens: 1, numCompletionTokens: 2 },
    ...{ longestCompletionTokens: 2, numPreemptions: 0, n: 1, maxTokens: 2 },
  });
  metrics.observerFor(entry).stepFinished({ numTokens: 1, totalMs: 1, outsideKernelsMs: 1 });
  await app.inject({ method: "POST", url: "/v1/completions", payload: { prompt: "a" } });
  return (await app.inject("/metrics")).body;
}

test("every panel of vLLM's three dashboards finds its metrics, with a model_name", async () => {
  const series = new Set(
    [...(await scraped()).matchAll(/^([\w:]+)\{[^}]*model_name="scripted"/gm)].map(([, name]) => name),
  );
  for (const [dashboard, names] of Object.entries(readByDashboards))
    assert.deepEqual(
      names.filter((name) => !series.has(name)),
      [],
      dashboard,
    );
});

test("promtool finds nothing to complain of but vLLM's own names", async (t) => {
  const text = await scraped();
  const { promise, resolve: finish } = Promise.withResolvers<{ missing: boolean; said: string }>();
  const promtool = execFile("promtool", ["check", "metrics"], (error, stdout, stderr) =>
    finish({ missing: error !== null && error.code === "ENOENT", said: `${stdout}${stderr}` }),
  );
  // Where there is no promtool, nobody reads.
  promtool.stdin?.on("error", () => undefined);
  promtool.stdin?.end(text);
  const { missing, said } = await promise;
  if (missing) return t.skip("promtool is not installed (Debian: apt-get install prometheus)");
  const complaints = said
    .split("\n")
    .filter((line) => line !== "" && !line.endsWith("metric names should not contain ':'"));
  // A histogram by that name, which vLLM's dashboards read.
  assert.deepEqual(complaints, [
    'vllm:iteration_tokens_total non-counter metrics should not have "_total" suffix',
  ]);
});

test("docs/metrics.md has a row for every metric, and for no other", async () => {
  const document = readFileSync(resolve(import.meta.dirname, "../../../docs/metrics.md"), "utf8");
  const documented = [...document.matchAll(/^\| `([\w:]+)` \|/gm)].map(([, name]) => name);
  const exposed = [...(await scraped()).matchAll(/^# TYPE ([\w:]+) /gm)].map(([, name]) => name);
  assert.deepEqual(documented.sort(), exposed.sort());
});

test("a model that changed its state has one state", async () => {
  const { app, servedModels } = testApp({ text: "" });
  await app.inject("/metrics");
  servedModels.drain();
  const { body } = await app.inject("/metrics");
  const states = [...body.matchAll(/^pagoda:model_state\{.*state="(\w+)"\} 1$/gm)].map(([, state]) => state);
  assert.deepEqual(states, ["draining"]);
});
