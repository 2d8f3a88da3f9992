import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadResult } from "../load/load-run.ts";
import type { ServerMeasurement } from "./comparison.ts";
import { assumptionFigures } from "./goals.ts";

const times = {
  numCompleted: 4,
  outputTokensPerSecond: 1,
  medianTtftMs: 1,
  p99TtftMs: 1,
  medianTpotMs: 1,
  p99InterTokenMs: 1,
};

/** Rounds of one load with these numbers of cached tokens; of the medians only the failures are used. */
function measured(load: string, cached: readonly (number | null)[], numFailed: number): ServerMeasurement {
  const rounds = cached.map(
    (numCachedTokens): LoadResult => ({ load, ...times, numFailed: 0, numCachedTokens, firstFailure: null }),
  );
  const medians = { ...times, numFailed, numCachedTokens: 0 };
  return {
    name: "some",
    startMs: 1,
    peakResidentBytes: 1,
    idleCpuShare: 0,
    loads: [{ load, rounds, medians }],
  };
}

const verdicts = (server: ServerMeasurement): (boolean | null)[] =>
  assumptionFigures(server).map(({ met }) => met);

test("requests that failed, cached tokens in one round of several, and not saying so are goals missed", () => {
  assert.deepEqual(verdicts(measured("conc", [0, 0, 0], 0)), [true, true]);
  assert.deepEqual(verdicts(measured("conc", [0, 16, 0], 0)), [true, false]);
  assert.deepEqual(verdicts(measured("single", [0, null], 0)), [true, false]);
  assert.deepEqual(verdicts(measured("prefill", [0, 0], 2)), [false, true]);
});

test("the load with shared prefixes may be answered from a cache", () => {
  assert.deepEqual(verdicts(measured("prefix", [16_384, 16_384], 0)), [true]);
});
