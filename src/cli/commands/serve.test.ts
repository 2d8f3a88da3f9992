import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { basename } from "node:path";
import { test } from "node:test";
import type { MemoryReport } from "../../core/memory-report.ts";
import { PagodaProcess, runToEnd, tinyModel } from "../testing/pagoda-process.ts";

const serving = (...args: string[]) => ["serve", tinyModel, "--backend", "reference", "--port", "0", ...args];

async function complete(url: string, body: object, origin = "http://localhost"): Promise<Response> {
  return fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", origin },
    body: JSON.stringify(body),
  });
}

/** 102,400 tokens in 48 MB: more than sockets hold, so that the answer cannot end before it is read. */
const endless = {
  ...{ prompt: Array<string>(16).fill("a"), n: 32, max_tokens: 200, logprobs: 5 },
  ...{ ignore_eos: true, stream: true },
};

test("a real model on a real port: table, answer, memory, SIGTERM", async (t) => {
  const pagoda = new PagodaProcess(
    t,
    serving(
      ...["--max-kv-tokens", "1000", "--block-size", "32", "--seed", "1"],
      ...["--override-generation-config", '{"temperature": 0.5}'],
    ),
  );
  const url = await pagoda.ready();
  // A later call gets the same address.
  assert.equal(await pagoda.ready(), url);
  assert.match(pagoda.stdout, /KV pool +--max-kv-tokens 1000: 32 blocks of 32 tokens/);
  assert.equal((await fetch(`${url}/health`)).status, 200);
  // Under its name, and without the path of this machine.
  const models = await (await fetch(`${url}/v1/models`)).text();
  assert.equal((JSON.parse(models) as { data: { id: string }[] }).data[0]?.id, basename(tinyModel));
  assert.ok(!models.includes(tinyModel));
  assert.match(models, /"default_sampling":\{"temperature":0\.5,.*"origin":"--override-generation-config"\}/);
  assert.match(pagoda.stdout, /sampling +temperature 0\.5 \(--override-generation-config\)/);
  const answer = await (await complete(url, { prompt: "a", max_tokens: 3, ignore_eos: true })).json();
  assert.equal((answer as { usage: { completion_tokens: number } }).usage.completion_tokens, 3);
  const memory = (await (await fetch(`${url}/admin/memory`)).json()) as MemoryReport;
  assert.equal(memory.numKvTokens, 1024);
  assert.deepEqual([memory.budget.pool.kind, memory.budget.pool.value], ["tokens", 1000]);
  assert.equal(memory.blocks.numReferenced, 0);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});

test("a model of another server is served beside the own one, under its own name", async (t) => {
  const far = new PagodaProcess(t, serving("--served-model-name", "far"));
  const farUrl = await far.ready();
  const near = new PagodaProcess(
    t,
    serving(
      "--served-model-name",
      "near",
      "--remote-model",
      `far=${farUrl}/v1`,
      "--allowed-host",
      "llm.example",
    ),
  );
  const url = await near.ready();
  for (const model of ["far", "near"]) {
    const answer = await complete(url, { model, prompt: "a", max_tokens: 2, ignore_eos: true });
    const { model: name, usage } = (await answer.json()) as {
      model: string;
      usage: { completion_tokens: number };
    };
    assert.deepEqual([answer.status, name, usage.completion_tokens], [200, model, 2]);
  }
  // The other server knows nothing of the page that this one allows.
  const fromPage = await complete(url, { model: "far", prompt: "a", max_tokens: 1 }, "https://llm.example");
  assert.equal(fromPage.status, 200);
  for (const address of [url, farUrl])
    assert.equal((await complete(address, { prompt: "a" }, "https://evil.example")).status, 403);
  far.child.kill("SIGTERM");
  assert.equal(await far.exited, 0);
  const gone = await complete(url, { model: "far", prompt: "a" });
  assert.equal(gone.status, 502);
  assert.match(await gone.text(), /"code":"endpoint_unreachable"/);
  assert.equal((await complete(url, { model: "near", prompt: "a", max_tokens: 1 })).status, 200);
  near.child.kill("SIGTERM");
  assert.equal(await near.exited, 0);
});

test("--json leaves standard output to the report", async (t) => {
  const pagoda = new PagodaProcess(t, serving("--json"));
  while (!/ready at/.test(pagoda.stderr))
    await Promise.race([
      once(pagoda.child.stderr, "data"),
      pagoda.exited.then((code) => assert.fail(`exit ${code}`)),
    ]);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
  const report = JSON.parse(pagoda.stdout) as MemoryReport;
  assert.ok(report.numKvTokens > 0);
});

test("Ctrl-C ends a running request after the grace time, with an error, and the process with 130", async (t) => {
  const pagoda = new PagodaProcess(t, serving("--shutdown-grace-ms", "100"));
  const url = await pagoda.ready();
  const reader = (await complete(url, endless)).body?.getReader();
  assert.ok(reader !== undefined);
  await reader.read();
  pagoda.child.kill("SIGINT");
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read())
    rest += new TextDecoder().decode(part.value);
  assert.match(rest, /data: \{"error":\{[^\n]*"code":"not_ready"[^\n]*\n\ndata: \[DONE\]\n\n$/);
  assert.equal(await pagoda.exited, 130);
  assert.match(pagoda.stderr, /^pagoda: Waiting for 1 running request, at most 0\.1 s; a second signal/m);
});

test("SIGTERM lets a running answer finish and leaves with 0", async (t) => {
  const pagoda = new PagodaProcess(t, serving("--shutdown-grace-ms", "60000"));
  const url = await pagoda.ready();
  const response = await complete(url, { prompt: "a", max_tokens: 100, ignore_eos: true, stream: true });
  pagoda.child.kill("SIGTERM");
  const text = await response.text();
  assert.match(text, /"finish_reason":"length"/);
  assert.doesNotMatch(text, /"error"/);
  assert.equal(await pagoda.exited, 0);
});

test("a log on a full disk: routes answer, dropped lines are counted, SIGTERM is heard", async (t) => {
  const pagoda = new PagodaProcess(t, serving(), {}, "/dev/full");
  const url = await pagoda.ready();
  for (let i = 0; i < 3; i++)
    assert.equal((await complete(url, { prompt: "a", max_tokens: 1, unheard_of: i })).status, 200);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const [, numDropped] = /^pagoda:log_lines_dropped_total (\d+)$/m.exec(metrics) ?? [];
  // A line for each answer, and one for the unknown field; the last answer may not be logged yet.
  assert.ok(Number(numDropped) >= 3, metrics);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});

test("a port in use is one line and exit code 1", async (t) => {
  const occupant = createServer().listen(0, "127.0.0.1");
  t.after(() => occupant.close());
  await new Promise((resolve) => occupant.once("listening", resolve));
  const address = occupant.address();
  assert.ok(typeof address === "object" && address !== null);
  const port = String(address.port);
  const { code, stderr, stdout } = await runToEnd(t, ["serve", tinyModel, "--server-port", port]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /^pagoda: Port \d+ on 127\.0\.0\.1 is in use\. Use --port \d+, or --port 0 for any free one\.\n$/,
  );
});

test("what is wrong at start is one line that names it, and exit code 1", async (t) => {
  const cases: [string[], RegExp][] = [
    [["serve", "--blok-size", "16"], /unknown option '--blok-size' \(Did you mean --block-size\?\)/],
    [
      ["serve", tinyModel, "--port", "0", "--tp", "2", "--threads", "3"],
      /--threads 3 cannot be divided among 2 ranks.*Use --threads 4\./,
    ],
    [
      serving("--memory", "1GiB", "--gpu-memory-utilization", "0.5"),
      /--gpu-memory-utilization 0\.5 and --memory 1GiB each state a cap/,
    ],
    [
      serving("--max-kv-tokens", "9", "--kv-cache-memory-bytes", "1GiB"),
      /--kv-cache-memory-bytes 1GiB and --max-kv-tokens 9 each state a pool size/,
    ],
    [
      serving("--memory", "20MiB"),
      /needs [\d.]+ MiB: .*--memory 20MiB allows 20\.0 MiB\. Use --memory \d+MiB\./,
    ],
    [
      serving("--max-model-len", "4096"),
      /--max-model-len 4096 asks for 4096 tokens, and the model was made for \d+\. Use --max-model-len \d+\./,
    ],
    [
      serving("--max-kv-tokens", "32", "--max-model-len", "64"),
      /holds 32 tokens in .* one sequence of 64 tokens needs .* Use --max-kv-tokens 64\./,
    ],
    [
      serving("--threads", "1000"),
      /--threads 1000 is more than 4 for each of the \d+ processors? .*Use --threads \d+/,
    ],
    [["serve", "/no/such/folder", "--port", "0"], /\/no\/such\/folder/],
  ];
  const outcomes = [];
  for (const [args, expected] of cases) outcomes.push({ ...(await runToEnd(t, args)), expected });
  for (const { code, stderr, stdout, expected } of outcomes) {
    assert.equal(code, 1, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, expected);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  }
});

test("the cap of a suggestion holds: the command that is told to be copied starts", async (t) => {
  const refused = await runToEnd(t, serving("--memory", "20MiB"));
  const [, flag = "", size = ""] = /Use (--memory) (\d+MiB)\./.exec(refused.stderr) ?? [];
  assert.equal(flag, "--memory");
  const pagoda = new PagodaProcess(t, serving(flag, size));
  await pagoda.ready();
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});
