/** The dashboard and the rules over the metrics that real servers of each engine have exposed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { parse, stringify } from "yaml";
import { testApp } from "../../testing/test-app.ts";
import { alertRules } from "./alert-rules.ts";
import { targetsOf } from "./grafana-dashboard.ts";
import { monitoringFiles } from "./monitoring-files.ts";
import { type Panel, panelRows } from "./panels.ts";

const repository = resolve(import.meta.dirname, "../../../..");
const panels = panelRows.flatMap((row) => row.panels);
const rules = alertRules().groups.flatMap((group) => group.rules);

interface Series {
  readonly series: string;
  readonly values: string;
}

/** As promtool reads the tests of rules; the interval is a minute. */
interface RuleTest {
  readonly input_series: readonly Series[];
  readonly alert_rule_test?: readonly object[];
  readonly promql_expr_test?: readonly object[];
}

/** Runs promtool in a folder of its own; null where it is not installed. */
function promtool(context: TestContext, words: readonly string[], files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-monitoring-"));
  context.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { error, status, stdout, stderr } = spawnSync("promtool", words, { cwd: folder, encoding: "utf8" });
  if (error !== undefined && "code" in error && error.code === "ENOENT") return null;
  return { status, said: `${stdout}${stderr}` };
}

function assertPasses(context: TestContext, result: ReturnType<typeof promtool>): void {
  if (result === null) context.skip("promtool is not installed (Debian: apt-get install prometheus)");
  else assert.equal(result.status, 0, result.said);
}

const ruleFile = JSON.stringify(alertRules());

function testFile(tests: readonly RuleTest[]): string {
  return JSON.stringify({
    rule_files: ["rules.json"],
    evaluation_interval: "1m",
    tests: tests.map((one) => ({ interval: "1m", ...one })),
  });
}

test("deploy/monitoring is what the metric table says", () => {
  const files = monitoringFiles((value) => stringify(value, { lineWidth: 0 }));
  for (const [name, text] of Object.entries(files)) {
    const shipped = readFileSync(join(repository, "deploy/monitoring", name), "utf8");
    assert.equal(shipped, text, `${name} is old: node scripts/build-monitoring.ts writes it`);
  }
  assert.deepEqual(parse(files["alert-rules.yaml"] ?? ""), JSON.parse(ruleFile));
});

test("panels lie beside each other and have names of their own", () => {
  const { panels: drawn } = JSON.parse(monitoringFiles(String)["grafana-dashboard.json"] ?? "");
  const taken = new Set<string>();
  for (const { id, gridPos } of drawn) {
    taken.add(`id ${id}`);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) taken.add(`${x} ${y}`);
  }
  const cells = drawn.reduce(
    (sum: number, { gridPos }: { gridPos: { w: number; h: number } }) => sum + gridPos.w * gridPos.h,
    0,
  );
  assert.equal(taken.size, cells + drawn.length);
  assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
});

test("promtool accepts every rule", (context) => {
  assertPasses(context, promtool(context, ["check", "rules", "rules.json"], { "rules.json": ruleFile }));
});

/**
 * Every series of an exposition, growing by one a minute, with the labels that Prometheus adds. The recordings leave out the
 * buckets, which every histogram has.
 */
function seriesOf(exposition: string): Series[] {
  const withBuckets = exposition.replaceAll(
    /^([\w:]+)_count\{(.*)\} (\S+)$/gm,
    '$&\n$1_bucket{$2,le="1.5"} $3\n$1_bucket{$2,le="+Inf"} $3',
  );
  const text = exposition.includes("_bucket{") ? exposition : withBuckets;
  return [...text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/gm)].map(([, name, labels]) => ({
    series: `${name}{${[labels?.replace(/,$/, ""), 'job="llm"', 'instance="a:1"'].filter(Boolean).join(",")}}`,
    values: "1+1x20",
  }));
}

const recorded = (engine: string): string =>
  readFileSync(join(repository, "tests/fixtures/fleet/engines", engine, "metrics.txt"), "utf8");

async function ownExposition(): Promise<string> {
  const { app, metrics, entry, observatory } = testApp({ text: "" });
  observatory.sample();
  metrics.eventLoop.start();
  const observer = metrics.observerFor(entry);
  observer.stepFinished({ numTokens: 1, totalMs: 1, outsideKernelsMs: 1 });
  observer.requestFinished({
    ...{ requestId: "r", outcome: "stop", arrivedMs: 0, scheduledMs: 1, firstTokenMs: 2, finishedMs: 3 },
    ...{ interTokenMs: [1], numPromptTokens: 2, numCachedTokens: 1, numCompletionTokens: 2 },
    ...{ longestCompletionTokens: 2, numPreemptions: 0, n: 1, maxTokens: 2 },
  });
  await app.inject({ method: "POST", url: "/v1/completions", payload: { prompt: "a" } });
  const { body } = await app.inject("/metrics");
  metrics.eventLoop.stop();
  return body;
}

/** For Grafana's variables what it puts in their place when all are chosen. */
function expanded(expr: string): string {
  return expr.replaceAll(/"\$\w+"/g, '".*"').replaceAll("$__rate_interval", "5m");
}

function drawsSomething(panel: Panel): object[] {
  return targetsOf(panel).map(({ expr }) => ({
    expr: `count(${expanded(expr)}) > bool 0`,
    eval_time: "15m",
    exp_samples: [{ labels: "{}", value: 1 }],
  }));
}

for (const [engine, served] of [
  ["pagoda", ["all", "pagoda and vllm", "pagoda"]],
  ["vllm", ["all", "pagoda and vllm"]],
  ["lmdeploy", ["all"]],
] as const)
  test(`every panel for ${engine} draws something from its metrics`, async (context) => {
    const exposition = engine === "pagoda" ? await ownExposition() : recorded(engine);
    const shown = panels.filter(({ engines }) => (served as readonly string[]).includes(engines));
    assert.ok(shown.length >= 8);
    const file = testFile([
      { input_series: seriesOf(exposition), promql_expr_test: shown.flatMap(drawsSomething) },
    ]);
    assertPasses(
      context,
      promtool(context, ["test", "rules", "test.json"], { "rules.json": ruleFile, "test.json": file }),
    );
  });

const labels = 'job="llm",instance="a:1"';
const model = `model_name="m",${labels}`;
const series = (name: string, values: string, own = model): Series => ({ series: `${name}{${own}}`, values });
/** A histogram in which all observations lie between two bounds. */
const histogram = (name: string, lower: number, upper: number): Series[] => [
  series(`${name}_bucket`, "0x130", `le="${lower}",${model}`),
  series(`${name}_bucket`, "0+60x130", `le="${upper}",${model}`),
  series(`${name}_bucket`, "0+60x130", `le="+Inf",${model}`),
];

/** What raises each alert, and what is close to it and does not. */
const examples: Readonly<Record<string, { readonly raises: Series[]; readonly does_not: Series[] }>> = {
  LlmKvCacheFull: {
    raises: [series("vllm:kv_cache_usage_perc", "0.95x130"), series("vllm:num_requests_waiting", "3x130")],
    does_not: [series("vllm:kv_cache_usage_perc", "0.95x130"), series("vllm:num_requests_waiting", "0x130")],
  },
  LlmPreemptions: {
    raises: [series("vllm:num_preemptions_total", "0+60x130")],
    does_not: [series("vllm:num_preemptions_total", "7x130")],
  },
  LlmSlowFirstToken: {
    raises: histogram("lmdeploy:time_to_first_token_seconds", 10, 20),
    does_not: histogram("lmdeploy:time_to_first_token_seconds", 0.5, 0.75),
  },
  LlmSlowTokens: {
    raises: histogram("vllm:inter_token_latency_seconds", 1, 2.5),
    does_not: histogram("vllm:inter_token_latency_seconds", 0.025, 0.05),
  },
  LlmRequestsFail: {
    raises: [series("vllm:request_success_total", "0+6x130", `finished_reason="error",${model}`)],
    does_not: [series("vllm:request_success_total", "0+6x130", `finished_reason="stop",${model}`)],
  },
  PagodaModelFailed: {
    raises: [series("pagoda:model_state", "1x130", `state="failed",${model}`)],
    does_not: [series("pagoda:model_state", "1x130", `state="ready",${model}`)],
  },
  PagodaRestartsOften: {
    raises: [
      series("process_start_time_seconds", "1000+60x130", labels),
      series("pagoda:connections_open", "1x130", labels),
    ],
    does_not: [
      series("process_start_time_seconds", "1000+60x130", 'job="another",instance="a:1"'),
      series("pagoda:connections_open", "1x130", labels),
    ],
  },
  PagodaBeyondPlan: {
    raises: [
      series("pagoda:memory_actual_bytes", "106x130", `component="weights",${model}`),
      series("pagoda:memory_planned_bytes", "100x130", `component="weights",${model}`),
    ],
    does_not: [
      series("pagoda:memory_actual_bytes", "106x130", `component="weights",${model}`),
      series("pagoda:memory_planned_bytes", "102x130", `component="weights",${model}`),
    ],
  },
  PagodaBeyondCap: {
    raises: [series("pagoda:resident_bytes", "101x130"), series("pagoda:memory_cap_bytes", "100x130")],
    does_not: [series("pagoda:resident_bytes", "99x130"), series("pagoda:memory_cap_bytes", "100x130")],
  },
  PagodaLimitBinds: {
    raises: [series("pagoda:binding_limit_share", "0.8x130", `limit="seats",${model}`)],
    does_not: [series("pagoda:binding_limit_share", "0.8x130", `limit="compute",${model}`)],
  },
  PagodaPrefixCacheUseless: {
    raises: [
      series("vllm:prefix_cache_hits_total", "0x130"),
      series("vllm:prefix_cache_queries_total", "0+6000x130"),
    ],
    does_not: [
      series("vllm:prefix_cache_hits_total", "0+600x130"),
      series("vllm:prefix_cache_queries_total", "0+6000x130"),
    ],
  },
  PagodaEventLoopBlocked: {
    raises: [series("nodejs_eventloop_lag_p99_seconds", "0.5x130", labels)],
    does_not: [series("nodejs_eventloop_lag_p99_seconds", "0.05x130", labels)],
  },
  PagodaConnectionsRefused: {
    raises: [series("pagoda:connections_refused_total", "0+1x130", labels)],
    does_not: [series("pagoda:connections_refused_total", "4x130", labels)],
  },
  PagodaLogLinesDropped: {
    raises: [series("pagoda:log_lines_dropped_total", "0+1x130", labels)],
    does_not: [series("pagoda:log_lines_dropped_total", "4x130", labels)],
  },
};

test("every alert is raised by what it is for, and not by what is close to it", (context) => {
  assert.deepEqual(rules.map(({ alert }) => alert).sort(), Object.keys(examples).sort());
  const numFiring = (alert: string) => `count(ALERTS{alertname="${alert}",alertstate="firing"})`;
  const tests = Object.entries(examples).flatMap(([alert, { raises, does_not }]) => [
    {
      input_series: raises,
      promql_expr_test: [
        { expr: numFiring(alert), eval_time: "125m", exp_samples: [{ labels: "{}", value: 1 }] },
      ],
    },
    {
      input_series: does_not,
      promql_expr_test: [{ expr: numFiring(alert), eval_time: "125m", exp_samples: [] }],
    },
  ]);

  assertPasses(
    context,
    promtool(context, ["test", "rules", "test.json"], {
      "rules.json": ruleFile,
      "test.json": testFile(tests),
    }),
  );
});
