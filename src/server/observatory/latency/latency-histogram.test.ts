/** Percentiles of the last minutes against sorted lists of everything that was observed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededUniform } from "../../../core/seeded-uniform.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

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
