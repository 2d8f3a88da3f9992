/** A slice of `node scripts/fleet-disturbances.ts`: kills, drains and rolls under load. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededUniform } from "../core/seeded-uniform.ts";
import { disturbedRun } from "./testing/disturbances.ts";

const skip = process.platform === "linux" ? false : "reads /proc";

test("under kills, drains and rolls every request ends once, only those on killed instances break, and no process is left", {
  skip,
}, async () => {
  const run = await disturbedRun({ kills: 3, drains: 2, rolls: 2 }, seededUniform(9));
  assert.deepEqual(run.wrong, []);
  assert.equal(run.whole + run.brokenByKill, run.numRequests);
  assert.ok(run.whole > 0 && run.leastAvailableBytes >= 0);
  assert.equal(run.numLeft, 0);
});
