import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { tuningSchema } from "../../../api/admin/observatory/index.ts";
import { PagodaProcess, runToEnd, tinyModel } from "../../testing/pagoda-process.ts";

const load = ["--users", "4", "--requests", "12", "--prompt-tokens", "8-20", "--output-tokens", "4-12"];

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "pagoda-tune-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("tune measures in turns, writes a report, and changes a running server", async (t) => {
  const path = folder(t);
  const state = { XDG_STATE_HOME: path };
  const server = new PagodaProcess(t, ["serve", tinyModel, "--max-kv-tokens", "2048", "--port", "0"], state);
  const url = await server.ready();
  // Memory is a figure of the plan, so the winner does not depend on what else the machine does.
  const present = ["--max-kv-tokens", "2048", "--max-model-len", "256", "--max-num-batched-tokens", "65536"];
  const change = ["--vary", "max-num-batched-tokens=64", "--minimize", "memory", "--trials", "6"];
  const words = ["tune", tinyModel, ...load, ...present, ...change];
  const { code, stdout, stderr } = await runToEnd(
    t,
    [...words, "--json", "--report", path, "--apply", "--url", url],
    state,
  );
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout);
  assert.equal(report.winner.flags, "--max-num-batched-tokens 64");
  assert.equal(report.trials.length, 6);
  assert.match(report.serveCommand, /^pagoda serve .* --max-num-batched-tokens 64$/);
  assert.deepEqual(JSON.parse(readFileSync(join(path, "report.json"), "utf8")), report);
  assert.match(readFileSync(join(path, "report.html"), "utf8"), /<svg/);
  const settings = (await (await fetch(`${url}/admin/settings`)).json()) as {
    readonly instances: Readonly<
      Record<string, { readonly requested: { readonly maxNumBatchedTokens: number } }>
    >;
  };
  assert.equal(Object.values(settings.instances)[0]?.requested.maxNumBatchedTokens, 64);
  const { runs } = tuningSchema.parse(await (await fetch(`${url}/admin/tuning`)).json());
  assert.deepEqual([runs.length, runs[0]?.verdict], [1, report.verdict]);
  assert.deepEqual(
    new Set(runs[0]?.points.map(({ kind }) => kind)),
    new Set(["simulated", "present", "winner"]),
  );
});

test("simulate ranks a trace on a machine that is not at hand, and labels it as an estimate", async (t) => {
  const trace = join(folder(t), "trace.jsonl");
  const rows = Array.from({ length: 30 }, (_, i) => ({
    timestamp: i * 100,
    input_length: 20 + i,
    output_length: 5,
    hash_ids: [1],
  }));
  writeFileSync(trace, rows.map((row) => JSON.stringify(row)).join("\n"));
  const args = ["simulate", tinyModel, "--memory", "400MiB", "--trace", trace, "--speed", "100"];
  const machine = ["--bandwidth", "1GB/s", "--flops", "1GFLOPS"];
  const { code, stdout, stderr } = await runToEnd(t, [...args, ...machine, "--json"]);
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout);
  assert.match(report.stepTimes.origin, /^estimated/);
  assert.match(report.goal, /^least p99-e2e/);
  assert.ok(report.settings.length > 5);
  const best = report.settings[0].predicted.figures.p99EndToEndMs;
  assert.ok(
    report.settings.every(
      (setting: typeof report.present) => setting.predicted.figures.p99EndToEndMs >= best - 1e-9,
    ),
  );
});

test("the requests that a running server answered are a load", async (t) => {
  const server = new PagodaProcess(t, ["serve", tinyModel, "--max-kv-tokens", "2048", "--port", "0"]);
  const url = await server.ready();
  const simulate = ["simulate", tinyModel, "--memory", "400MiB", "--trace", url, "--json"];
  const early = await runToEnd(t, simulate);
  assert.match(early.stderr, /has not answered a request yet/);
  for (const numOutputTokens of [3, 5]) {
    const body = JSON.stringify({
      ...{ model: "llama-gqa-rope-scaled", prompt: [5, 6, 7, 8], ignore_eos: true },
      max_tokens: numOutputTokens,
    });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${url}/v1/completions`, { method: "POST", headers, body });
    assert.equal(answer.status, 200, await answer.clone().text());
    await answer.text();
  }
  const { code, stdout, stderr } = await runToEnd(t, simulate);
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout);
  assert.match(
    report.load,
    /^a trace of 2 requests, prompts of 4 tokens \(at most 4\), outputs of 4 tokens \(at most 5\)/,
  );
});

test("Ctrl-C ends a tuning run, and says that nothing was changed", async (t) => {
  const run = new PagodaProcess(t, [
    "tune",
    tinyModel,
    "--memory",
    "400MiB",
    "--users",
    "4",
    "--trials",
    "1000",
  ]);
  await new Promise<void>((resolve) => {
    run.child.stderr.on("data", () => {
      if (/settings fit/.test(run.stderr)) resolve();
    });
  });
  run.child.kill("SIGINT");
  assert.equal(await run.exited, 130);
  assert.match(run.stderr, /Stopped\. Nothing was changed\./);
});

test("what makes no sense is refused before anything is measured", async (t) => {
  const cases: [readonly string[], RegExp][] = [
    [["--prompt-tokens", "5000000"], /cannot serve the load/],
    [["--instances", "1x8,2x4"], /no bytes are stated/],
    [["--watch", "http://127.0.0.1:1"], /No server answers/],
    [["--apply", "--url", "http://127.0.0.1:1"], /No server answers/],
    [["--trace", "http://127.0.0.1:1"], /No server answers/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runToEnd(t, ["tune", tinyModel, ...args]);
    assert.notEqual(code, 0, args.join(" "));
    assert.match(stderr, message);
  }
});
