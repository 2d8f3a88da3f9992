/** Percentiles of the last minutes against sorted lists of everything that was observed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededUniform } from "../../../core/seeded-uniform.ts";
import { Latencies } from "./latencies.ts";
import { LatencyHistogram, recentSlots } from "./latency-histogram.ts";

const slotMs = 15_000;

test("P50, P90 and P99 over 1, 5 and 15 minutes are at most 2 % off, whenever one asks", () => {
  const uniform = seededUniform(3);
  const histogram = new LatencyHistogram();
  const observed: { readonly ms: number; readonly atMs: number }[] = [];
  for (let nowMs = 0; nowMs < 40 * 60_000; nowMs += 700) {
    // From 1 ms to 100 s, slower from minute to minute.
    const ms = 10 ** (5 * uniform() * Math.min(1, 0.2 + nowMs / 1_800_000));
    histogram.observe(ms, nowMs);
    observed.push({ ms, atMs: nowMs });
    if (uniform() > 0.05) continue;
    for (const seconds of [60, 300, 900]) {
      const oldestMs = (Math.floor(nowMs / slotMs) - seconds / 15 + 1) * slotMs;
      const inside = observed.filter(({ atMs }) => atMs >= oldestMs).map(({ ms: one }) => one);
      inside.sort((a, b) => a - b);
      const found = histogram.percentiles(seconds, nowMs);
      assert.equal(found?.count, inside.length);
      for (const [share, value] of [
        [0.5, found.p50Ms],
        [0.9, found.p90Ms],
        [0.99, found.p99Ms],
      ] as const) {
        const exact = inside[Math.ceil(share * inside.length) - 1] ?? 0;
        assert.ok(
          Math.abs(value / exact - 1) < 0.0201,
          `P${100 * share} of ${seconds} s: ${value}, ${exact}`,
        );
      }
    }
  }
});

test("what is older than the window is forgotten, and nothing is null", () => {
  const histogram = new LatencyHistogram();
  assert.equal(histogram.percentiles(60, 0), null);
  histogram.observe(10, 1000);
  assert.equal(histogram.percentiles(60, 2000)?.count, 1);
  assert.equal(histogram.percentiles(60, 80_000), null);
  assert.equal(histogram.percentiles(300, 80_000)?.count, 1);
  assert.equal(histogram.percentiles(900, 20 * 60_000), null);
});

test("what ended before the newest slot is counted in its own, and what is older than all slots is not", () => {
  const histogram = new LatencyHistogram(recentSlots);
  histogram.observe(10, 100_000);
  assert.equal(histogram.percentiles(15, 104_000)?.count, 1);
  histogram.observe(20, 96_000);
  assert.equal(histogram.percentiles(15, 104_000)?.count, 2);
  assert.equal(histogram.percentiles(15, 109_000)?.count, 2);
  assert.equal(histogram.percentiles(15, 111_000)?.count, 1);
  histogram.observe(30, 100_000 - recentSlots.slotMs * recentSlots.numSlots);
  assert.equal(histogram.percentiles(15, 104_000)?.count, 2);
});

test("recent gaps between tokens are those of the last seconds, also of a request that began before", () => {
  let nowMs = 60_000;
  const latencies = new Latencies(() => nowMs);
  const record = {
    ...{ requestId: "a", model: "m", outcome: "stop", numPromptTokens: 1, numCachedTokens: 0 },
    ...{ arrivedMs: 20_000, scheduledMs: 20_000, firstTokenMs: 30_000, finishedMs: 60_000 },
    ...{ interTokenMs: [5000, 15_000, 400, 9600], numCompletionTokens: 5 },
  } as unknown as Parameters<Latencies["requestFinished"]>[0];
  latencies.requestFinished(record);
  const { interToken, timeToFirstToken } = latencies.recent();
  assert.equal(timeToFirstToken, null);
  assert.equal(interToken?.count, 3);
  assert.equal(latencies.window(60).interToken?.count, 4);
  nowMs = 62_000;
  assert.equal(latencies.recent().interToken?.count, 3);
  nowMs = 66_000;
  assert.equal(latencies.recent().interToken?.count, 1);
});
