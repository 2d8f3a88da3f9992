import assert from "node:assert/strict";
import { test } from "node:test";
import { trafficSchema } from "../../../api/admin/observatory/index.ts";
import type { RequestRecord } from "../../../core/generation.ts";
import { testApp } from "../../testing/test-app.ts";
import { TrafficRing } from "./traffic-ring.ts";

const record = (
  arrivedMs: number,
  numPromptTokens: number,
  longestCompletionTokens: number,
): RequestRecord => ({
  ...{ requestId: "a", outcome: "stop", n: 1, maxTokens: null, numPreemptions: 0 },
  ...{ arrivedMs, scheduledMs: arrivedMs, firstTokenMs: arrivedMs, finishedMs: arrivedMs + 500 },
  ...{ interTokenMs: [], numPromptTokens, numCachedTokens: 16 },
  ...{ numCompletionTokens: longestCompletionTokens, longestCompletionTokens },
});

test("the last requests are kept with their arrivals and lengths, in bounded memory", () => {
  let unixMs = 1_000_500;
  const ring = new TrafficRing(() => unixMs);
  ring.requestFinished(record(0, 30, 8));
  ring.requestFinished(record(0, 30, 0));
  assert.deepEqual(ring.rows(), [[1_000_000, 30, 16, 8]]);
  for (let i = 0; i < 5000; i++) {
    unixMs++;
    ring.requestFinished(record(0, 100 + i, 1));
  }
  const rows = ring.rows();
  assert.equal(rows.length, 4096);
  assert.deepEqual(rows.at(-1), [1_005_000, 5099, 16, 1]);
  assert.deepEqual(rows[0]?.slice(1), [100 + 5000 - 4096, 16, 1]);
  assert.ok(TrafficRing.numBytes < 100_000);
});

test("GET /admin/traffic has the lengths of answered requests, and nothing of their text", async () => {
  const { app } = testApp({ text: "an answer" });
  const payload = { model: "scripted", prompt: "a secret", max_tokens: 4 };
  assert.equal((await app.inject({ method: "POST", url: "/v1/completions", payload })).statusCode, 200);
  const answer = await app.inject("/admin/traffic");
  assert.equal(trafficSchema.parse(answer.json()).schema, "pagoda.traffic/1");
  assert.doesNotMatch(answer.body, /secret|answer/);
});
