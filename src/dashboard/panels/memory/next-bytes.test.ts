import assert from "node:assert/strict";
import { test } from "node:test";
import type { InstanceSnapshot } from "../../../api/admin/observatory/index.ts";
import { savedPreemptions } from "./next-bytes.ts";

function instance(forecasts: readonly number[], preemptionsPerSecond: number): InstanceSnapshot {
  const sequences = Object.fromEntries(
    forecasts.map((numForecastBlocks, index) => [`r/${index}`, { state: "running", numForecastBlocks }]),
  );
  return {
    blocks: { numTotal: 100, numWithheld: 20 },
    rates: { preemptionsPerSecond },
    sequences: { ...sequences, "w/0": { state: "waiting", numForecastBlocks: 1000 } },
  } as unknown as InstanceSnapshot;
}

test("blocks that cover what lacks save all preemptions, fewer their share", () => {
  assert.deepEqual(savedPreemptions(instance([70, 70], 3), 60), { perSecond: 3, numLacking: 60 });
  assert.deepEqual(savedPreemptions(instance([70, 70], 3), 15), { perSecond: 0.75, numLacking: 60 });
});

test("without preemptions there are none to save, and an instance that reports nothing is not judged", () => {
  assert.deepEqual(savedPreemptions(instance([10, 10], 0), 60), { perSecond: 0, numLacking: 0 });
  const silent = { blocks: null, rates: null, sequences: null } as unknown as InstanceSnapshot;
  assert.equal(savedPreemptions(silent, 60), null);
});
