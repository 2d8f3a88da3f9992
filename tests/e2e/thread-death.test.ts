/** @module A compute thread that dies under a running server: the request is told, and the process leaves with 1. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
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

/** 512 sequences, of which 32 run and the others wait, and 102,400 tokens: tens of seconds of work, so that the thread dies long before they are done. */
function streamed(url: string): Promise<Response> {
  const prompt = Array<number[]>(16).fill([5, 6, 7]);
  return fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt, n: 32, max_tokens: 200, ignore_eos: true, stream: true }),
  });
}

async function restOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read())
    text += decoder.decode(part.value, { stream: true });
  return text;
}

test("while a request runs: it ends with engine_failed, and the exit code is 1", async (t) => {
  const pagoda = startServer(t);
  const url = await pagoda.ready();
  const running = (await streamed(url)).body?.getReader();
  assert.ok(running !== undefined);
  await running.read();
  pagoda.child.kill("SIGUSR2");
  assert.match(
    await restOf(running),
    /data: \{"error":\{[^\n]*"code":"engine_failed"[^\n]*\n\ndata: \[DONE\]\n\n$/,
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
    await health?.arrayBuffer();
    if (health?.status !== 200) break;
    await pause(20);
  }
  assert.equal(await pagoda.exited, 1);
  assert.match(pagoda.stderr, /A compute thread died/);
});
