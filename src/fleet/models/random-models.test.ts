/** A slice of `node scripts/fleet-disturbances.ts`: three models on room for two, asked at random. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededUniform } from "../../core/seeded-uniform.ts";
import { randomModelsRun } from "../testing/random-models.ts";

const skip = process.platform === "linux" ? false : "reads /proc";

test("no request fails, the cheapest idle model gives way, and one start serves all who wait", {
  skip,
}, async () => {
  const run = await randomModelsRun(4000, seededUniform(3));
  assert.deepEqual(run.failures, []);
  assert.ok(run.numEvictions > 0 && run.numRequests > 0);
  assert.deepEqual([run.numDearer, run.mostStartsAtOnce], [0, 1]);
  assert.ok(run.leastAvailableBytes >= 0);
});
