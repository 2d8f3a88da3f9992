import assert from "node:assert/strict";
import { it } from "node:test";
import { phaseKinds } from "../compile/phase.ts";
import { stepTiming, ThreadTimings } from "./timing.ts";

it("the time from a thread's end to the last thread's end counts as waiting", () => {
  const kinds = phaseKinds.map((_, index) => (index === 1 ? 40 : 0));
  const [early, late] = [Float64Array.of(1, 1000, ...kinds), Float64Array.of(3, 1010, ...kinds)];
  const timing = stepTiming([early, late], 60);
  // Means of both threads: (1 + 3) / 2 in barriers, and (10 + 0) / 2 at the end.
  assert.deepEqual(timing, { totalMs: 60, kernelMs: 40, barrierMs: 7 });
});

it("threads report their ends by a common clock", () => {
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
