/** @module The real model under a cap: two identical commands side by side, and bodies that are made to do harm. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaProcess } from "../../src/cli/testing/pagoda-process.ts";
import { mib } from "../../src/core/byte-size.ts";
import { realModelPath, skipWithoutRealModel } from "../../src/model/testing/fixtures.ts";
import { peakResidentBytes } from "../../src/process/process-tree.ts";

const capMib = 700;
const skip =
  process.platform === "linux" ? skipWithoutRealModel : "the peak resident size is read from /proc";
const command = [
  "serve",
  realModelPath,
  "--memory",
  `${capMib}MiB`,
  "--max-logprobs",
  "64",
  "--log-level",
  "error",
];

function promptTokens(numTokens: number, seed: number): number[] {
  return Array.from({ length: numTokens }, (_, i) => (i * 7919 + seed * 104_729) % 49_000);
}

async function post(url: string, path: string, body: object): Promise<number> {
  const response = await fetch(`${url}/v1/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await response.text();
  return response.status;
}

/** What a busy server sees, log-probabilities of a longish prompt included. */
async function load(url: string): Promise<readonly number[]> {
  const plain = Array.from({ length: 24 }, (_, i) =>
    post(url, "completions", {
      prompt: promptTokens(40 + i, i),
      max_tokens: 12,
      ignore_eos: true,
      stream: i % 2 === 0,
    }),
  );
  const scored = post(url, "completions", {
    prompt: promptTokens(400, 99),
    max_tokens: 0,
    echo: true,
    logprobs: 64,
  });
  return Promise.all([...plain, scored]);
}

/** Small on the wire, large in memory: each would be some tens of megabytes as objects, complaints or token lists. */
const harmful: readonly [string, object][] = [
  ["completions", { prompt: "a ".repeat(1_000_000) }],
  ["completions", { prompt: "x".repeat(2_000_000) }],
  ["completions", { prompt: new Array(1_000_000).fill(1) }],
  ["completions", { prompt: new Array(400_000).fill([1]) }],
  ["completions", { prompt: "a", stop: new Array(1_900_000).fill(1) }],
  ["chat/completions", { messages: new Array(700_000).fill({}) }],
  ["chat/completions", { messages: [{ role: "user", content: "x".repeat(4_000_000) }] }],
];

test(`two identical --memory ${capMib}MiB commands side by side stay under their caps`, {
  skip,
}, async (t) => {
  const both = [
    new PagodaProcess(t, [...command, "--port", "0"]),
    new PagodaProcess(t, [...command, "--port", "0"]),
  ];
  const urls = await Promise.all(both.map((pagoda) => pagoda.ready()));
  const statuses = (await Promise.all(urls.map(load))).flat();
  assert.deepEqual(new Set(statuses), new Set([200]));
  for (const [path, body] of harmful) {
    const status = await post(urls[0] ?? "", path, body);
    assert.ok(status === 400 || status === 413, `${status}: ${JSON.stringify(body).slice(0, 60)}`);
  }
  const peaks = both.map(({ pid }) => peakResidentBytes(pid));
  t.diagnostic(`peaks ${peaks.map((bytes) => (bytes / mib).toFixed(1)).join(" and ")} MiB`);
  for (const bytes of peaks) assert.ok(bytes < capMib * mib, `${bytes} bytes`);
  for (const pagoda of both) {
    pagoda.child.kill("SIGTERM");
    assert.equal(await pagoda.exited, 0);
  }
});
