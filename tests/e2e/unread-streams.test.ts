/**
 * @module Clients that ask for much and read nothing: what was generated for them would be several times the heap. They
 * are ended, the process stays under its cap, and others are served.
 */
import assert from "node:assert/strict";
import { Agent, type IncomingMessage, request } from "node:http";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { settledMemoryReport } from "../../src/cli/testing/memory-report.ts";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { mib } from "../../src/core/byte-size.ts";

const skip = process.platform === "linux" ? false : "the peak resident size is read from /proc";
const capMib = 320;
const numSlowClients = 8;
/** Each token with 64 alternatives takes 5 KB of the heap: 320 MB for all, less what fits into the kernel's buffers. */
const slowBody = {
  prompt: [5, 6, 7],
  n: 32,
  max_tokens: 250,
  ignore_eos: true,
  logprobs: 64,
  stream: true,
};
const headers = { "content-type": "application/json" };

/** Its answer has begun and is not read. */
function unreadAnswer(url: string, agent: Agent): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request(`${url}/v1/completions`, { method: "POST", headers, agent });
  sent.on("response", resolve);
  sent.on("error", reject);
  sent.end(JSON.stringify(slowBody));
  return promise;
}

async function numTokensServed(url: string): Promise<number> {
  const body = { prompt: [8, 9], max_tokens: 60, ignore_eos: true, logprobs: 64 };
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { usage: { completion_tokens: number } };
  return answer.usage.completion_tokens;
}

/** Resolves with the metrics once every request has ended, or has been generated to its end. */
async function metricsAtRest(url: string): Promise<string> {
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const counts = [...metrics.matchAll(/^vllm:num_requests_(?:running|waiting)\{[^}]*\} (\d+)/gm)];
    assert.equal(counts.length, 2);
    if (counts.every(([, count]) => count === "0")) return metrics;
    await pause(50);
  }
}

test(`${numSlowClients} clients that do not read are ended, and others are served`, { skip }, async (t) => {
  const pagoda = new PagodaProcess(t, [
    ...["serve", tinyModel, "--port", "0", "--threads", "1", "--memory", `${capMib}MiB`],
    ...["--max-num-seqs", "64", "--max-logprobs", "64", "--log-level", "fatal"],
  ]);
  const url = await pagoda.ready();
  const agent = new Agent();
  t.after(() => agent.destroy());
  await Promise.all(Array.from({ length: numSlowClients }, () => unreadAnswer(url, agent)));
  assert.equal(await numTokensServed(url), 60);
  const metrics = await metricsAtRest(url);
  const [, numEnded] =
    /^vllm:request_success_total\{[^}]*finished_reason="error"\} (\d+)/m.exec(metrics) ?? [];
  assert.ok(Number(numEnded) > 0, metrics);
  assert.equal(await numTokensServed(url), 60);
  agent.destroy();
  const { blocks, peakResidentBytes } = await settledMemoryReport(url);
  t.diagnostic(`${numEnded} ended; peak ${(peakResidentBytes / mib).toFixed(1)} MiB`);
  assert.deepEqual([blocks.numReferenced, blocks.numFree + blocks.numCached], [0, blocks.numTotal]);
  assert.ok(peakResidentBytes < capMib * mib, `peak ${peakResidentBytes}`);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});
