import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineStats } from "../../core/observation/engine-stats.ts";
import { logThroughput, throughputBetween } from "./throughput-log.ts";

const atRest: EngineStats = {
  numRunning: 0,
  numWaiting: 0,
  kvCacheUsage: 0,
  numWastedTokens: 0,
  numPreemptions: 0,
  numPrefixQueryTokens: 0,
  numPrefixHitTokens: 0,
  numPromptTokens: 0,
  numCachedPromptTokens: 0,
  numGenerationTokens: 0,
  numSteps: 0,
};
const busy: EngineStats = {
  ...atRest,
  numRunning: 3,
  numWaiting: 1,
  kvCacheUsage: 0.1234,
  numPrefixQueryTokens: 400,
  numPrefixHitTokens: 100,
  numPromptTokens: 400,
  numCachedPromptTokens: 0,
  numGenerationTokens: 250,
  numSteps: 90,
};

test("rates are those of the time between, not since the start", () => {
  const earlier = { ...busy, numPromptTokens: 300, numGenerationTokens: 50, numSteps: 20 };
  const line = throughputBetween(earlier, busy, 10);
  assert.equal(line?.fields.promptTokensPerSecond, 10);
  assert.equal(line?.fields.generatedTokensPerSecond, 20);
  assert.match(line?.message ?? "", /^prompts 10 tokens\/s; answers 20 tokens\/s; 3 running, 1 waiting; KV/);
  assert.equal(throughputBetween(atRest, busy, 10)?.fields.prefixHitRate, 0.25);
});

test("an idle server says nothing; one with requests that wait does", () => {
  assert.equal(throughputBetween(atRest, atRest, 10), null);
  assert.notEqual(throughputBetween(atRest, { ...atRest, numWaiting: 1 }, 10), null);
  // What ended within the ten seconds was work all the same.
  assert.notEqual(throughputBetween(atRest, { ...atRest, numSteps: 4 }, 10), null);
});

test("a line each ten seconds while busy", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let stats = atRest;
  let nowMs = 0;
  const lines: string[] = [];
  const log = { info: (_fields: object, message: string) => void lines.push(message) };
  logThroughput({ stats: () => stats }, log, () => nowMs);
  const pass = (next: EngineStats): void => {
    stats = next;
    nowMs += 10_000;
    t.mock.timers.tick(10_000);
  };
  pass(busy);
  assert.match(lines[0] ?? "", /^prompts 40 tokens\/s; answers 25 tokens\/s/);
  pass({ ...busy, numRunning: 0, numWaiting: 0 });
  assert.equal(lines.length, 1);
});
