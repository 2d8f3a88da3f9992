import assert from "node:assert/strict";
import { test } from "node:test";
import type { Snapshot } from "../../api/admin/observatory/index.ts";
import { meanError, PredictionRing } from "./prediction-ring.ts";

function snapshot(unixMs: number, meanMs: number, blocks: Record<string, number>): Snapshot {
  const sequences = Object.fromEntries(
    Object.entries(blocks).map(([key, numBlocks]) => [
      key,
      { state: "running", numBlocks, numForecastBlocks: 10 },
    ]),
  );
  const steps = { numSteps: 5, meanMs, meanPredictedMs: 2 };
  return { unixMs, instances: { "m-0": { instanceId: "m-0", steps, sequences } } } as unknown as Snapshot;
}

test("steps are sampled each second, for a quarter of an hour", () => {
  const ring = new PredictionRing();
  for (let index = 0; index < 4000; index++) ring.take(snapshot(index * 500, 1, {}));
  const steps = ring.steps("m-0");
  assert.equal(steps.length, 900);
  assert.deepEqual(steps.at(-1), { unixMs: 1_999_000, actualMs: 1, predictedMs: 2 });
  assert.equal((steps.at(-1)?.unixMs ?? 0) - (steps[0]?.unixMs ?? 0), 899_000);
});

test("a sequence that is gone has ended with its last blocks; an instance that is gone is forgotten", () => {
  const ring = new PredictionRing();
  ring.take(snapshot(0, 1, { "a/0": 3, "b/0": 1 }));
  ring.take(snapshot(500, 1, { "a/0": 8, "b/0": 2 }));
  ring.take(snapshot(1000, 1, { "b/0": 4 }));
  assert.deepEqual(ring.ended("m-0"), [{ numForecast: 10, numActual: 8 }]);
  ring.take({ unixMs: 2000, instances: {} } as unknown as Snapshot);
  assert.deepEqual([ring.ended("m-0"), ring.steps("m-0")], [[], []]);
});

test("the error is relative to what came", () => {
  assert.equal(
    meanError([
      [8, 10],
      [4, 4],
      [0, 7],
    ]),
    0.125,
  );
  assert.equal(meanError([]), null);
});
