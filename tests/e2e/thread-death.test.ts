/** @module A compute thread that dies under a running server: every request is told, and the process leaves with 1. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";

/** Loaded into the server before its own code: on SIGUSR2 the newest compute thread ends where it stands. */
const threadEnder = `
  const threads = [];
  process.on("worker", (thread) => threads.push(thread));
  process.on("SIGUSR2", () => threads.at(-1)?.terminate());`;
const preload = `--import=data:text/javascript,${encodeURIComponent(threadEnder)}`;

function startServer(t: TestContext): PagodaProcess {
  const args = ["serve", tinyModel, "--port", "0", "--threads", "2"];
  return new PagodaProcess(t, args, { NODE_OPTIONS: preload });
}

function streamed(url: string): Promise<Response> {
  return fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: [5, 6, 7], max_tokens: 200, ignore_eos: true, stream: true }),
  });
}

test("while requests run: each ends with engine_failed, and the exit code is 1", async (t) => {
  const pagoda = startServer(t);
  const url = await pagoda.ready();
  // Together they take longer than one would: the thread dies between a first token and a last.
  const answers = await Promise.all(Array.from({ length: 16 }, () => streamed(url)));
  pagoda.child.kill("SIGUSR2");
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  for (const text of texts) assert.match(text, /"code":"engine_failed"|"finish_reason":"length"/);
  assert.ok(
    texts.some((text) => text.includes('"code":"engine_failed"')),
    "the thread died too late for this test to say anything",
  );
  assert.equal(await pagoda.exited, 1);
  assert.match(pagoda.stderr, /the engine has stopped/);
});

test("while idle: /health no longer says ready, and the exit code is 1 without a request", async (t) => {
  const pagoda = startServer(t);
  const url = await pagoda.ready();
  pagoda.child.kill("SIGUSR2");
  for (;;) {
    const health = await fetch(`${url}/health`).catch(() => null);
    if (health?.status !== 200) break;
  }
  assert.equal(await pagoda.exited, 1);
  assert.match(pagoda.stderr, /A compute thread died/);
});
