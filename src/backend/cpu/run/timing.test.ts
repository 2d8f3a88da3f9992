import assert from "node:assert/strict";
import { it } from "node:test";
import { phaseKinds } from "../compile/phase.ts";
import { stepTiming, ThreadTimings } from "./timing.ts";

it("a thread that came to the end first counts as waiting for the last", () => {
  const kinds = phaseKinds.map((_, index) => (index === 1 ? 40 : 0));
  const [early, late] = [Float64Array.of(1, 1000, ...kinds), Float64Array.of(3, 1010, ...kinds)];
  const timing = stepTiming([early, late], 60);
  // Means of both threads: (1 + 3) / 2 in barriers, and (10 + 0) / 2 at the end.
  assert.deepEqual(timing, { totalMs: 60, kernelMs: 40, barrierMs: 7 });
});

it("threads say when they ended in time that is the same for all", () => {
  const numbers = new Float64Array(48);
  const timings = new ThreadTimings(numbers);
  const before = Date.now();
  timings.start();
  timings.kernelsEnded("rows");
  timings.finish();
  const [, endMs = 0] = numbers;
  // The two clocks of a machine may differ, but not by an hour.
  assert.ok(Math.abs(endMs - before) < 3_600_000);
});
