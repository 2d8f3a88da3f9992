/** Capacity by distribution, against our own scheduler and block manager driven by requests of the same lengths. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../src/core/errors.ts";
import { BlockManager } from "../src/engine/kv/block-manager.ts";
import { Scheduler } from "../src/engine/schedule/scheduler.ts";
import type { Sequence } from "../src/engine/sequence/sequence.ts";
import { sequenceWith } from "../src/engine/testing/sequences.ts";
import { lengthsFrom, loadCapacity, parseLengths, type RequestLength } from "../src/planner/index.ts";

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const blockSize = 16;
const stepTokens = 4096;

/** Share of the steps at which `users`, who each always have one request, hold more than `poolBlocks` blocks. */
function simulatedOverflow(
  lengths: readonly RequestLength[],
  users: number,
  poolBlocks: number,
  numSteps: number,
): number {
  const next = randoms(users);
  const blocks = new BlockManager({ numBlocks: 40 * poolBlocks, blockSize, prefixCaching: false });
  const scheduler = new Scheduler({
    blocks,
    maxNumSeqs: users,
    maxStepMs: 1e9,
    sharedPrefixTokens: 512,
    expectedOutputTokens: 1,
    capacity: { numTokens: stepTokens, numSlices: users, numOutputs: stepTokens, numSeen: 1e6, numBias: 100 },
  });
  const left = new Map<Sequence, number>();
  const arrive = (): void => {
    const drawn = lengths[Math.floor(next() * lengths.length)];
    if (drawn === undefined) throw new Error("no lengths");
    const first = Math.floor(next() * 1e9);
    const promptTokens = Array.from({ length: drawn.promptTokens }, (_, at) => first + at);
    const sequence = sequenceWith({ promptTokens, maxTokens: drawn.outputTokens });
    left.set(sequence, drawn.outputTokens);
    scheduler.enqueue(sequence);
  };
  for (let user = 0; user < users; user++) arrive();
  const warmUp = Math.floor(numSteps / 10);
  let numOver = 0;
  for (let step = -warmUp; step < numSteps; step++) {
    const plan = scheduler.schedule();
    // What a step plans is held while it is computed.
    if (step >= 0 && blocks.numReferenced > poolBlocks) numOver++;
    for (const slice of plan.slices) {
      scheduler.advance(slice);
      if (!slice.samplesToken) continue;
      slice.sequence.append(5);
      const remaining = (left.get(slice.sequence) ?? 1) - 1;
      left.set(slice.sequence, remaining);
      if (remaining > 0) continue;
      left.delete(slice.sequence);
      scheduler.complete(slice.sequence);
      arrive();
    }
  }
  return numOver / numSteps;
}

/** The number of users at which the simulated share passes 1 %, between whole users. */
function simulatedUsersAt99(
  lengths: readonly RequestLength[],
  poolBlocks: number,
  near: number,
  numSteps: number,
): number {
  const spread = Math.max(2, Math.ceil(near * 0.05));
  const points = [near - spread, near, near + spread].map((users) => ({
    users,
    log: Math.log(Math.max(simulatedOverflow(lengths, users, poolBlocks, numSteps), 1e-4)),
  }));
  for (let at = 1; at < points.length; at++) {
    const [before, after] = [points[at - 1], points[at]];
    if (before === undefined || after === undefined) continue;
    if (before.log <= Math.log(0.01) && after.log >= Math.log(0.01))
      return (
        before.users +
        ((Math.log(0.01) - before.log) / (after.log - before.log)) * (after.users - before.users)
      );
  }
  throw new Error(`1 % is not between: ${JSON.stringify(points)}`);
}

const loads: Readonly<Record<string, readonly RequestLength[]>> = {
  "log-normal prompts, exponential outputs": lengthsFrom("p50=120,p95=480", "p50=40"),
  "fixed lengths": lengthsFrom("256", "64"),
  "two kinds": [
    { promptTokens: 32, outputTokens: 120, weight: 1 },
    { promptTokens: 900, outputTokens: 20, weight: 1 },
  ],
};

test("the users served at 99 % are those of our scheduler within 3 %", () => {
  for (const [name, lengths] of Object.entries(loads)) {
    const poolBlocks = 900;
    const kv = {
      numTokens: { low: 0, expected: poolBlocks * blockSize, high: 0 },
      blockSize,
    };
    const { usersAt99, usersAtWorst } = loadCapacity(kv, { seats: 1000, stepTokens }, lengths, 10);
    const simulated = simulatedUsersAt99(lengths, poolBlocks, usersAt99, 12_000);
    // A whole number of users lies up to one below where the share passes 1 %.
    assert.ok(
      usersAt99 <= simulated * 1.03 && usersAt99 + 1 >= simulated * 0.97,
      `${name}: ${usersAt99} planned, ${simulated.toFixed(1)} simulated`,
    );
    assert.ok(usersAtWorst <= usersAt99, name);
  }
});

test("more users overflow more, a larger pool less; the worst case overflows never", () => {
  const lengths = lengthsFrom("p50=2k,p95=8k", "p50=300");
  const at = (poolTokens: number, users: number) =>
    loadCapacity(
      { numTokens: { low: 0, expected: poolTokens, high: 0 }, blockSize },
      { seats: 256, stepTokens },
      lengths,
      users,
    );
  assert.ok(at(200_000, 60).overflow > at(200_000, 50).overflow);
  assert.ok(at(200_000, 60).overflow > at(240_000, 60).overflow);
  const { usersAtWorst, usersAt99 } = at(200_000, 1);
  assert.ok(usersAtWorst < usersAt99);
  assert.ok(at(200_000, usersAtWorst).overflow < 1e-9);
  assert.equal(at(10_000_000, 40).isBoundBySeats, true);
});

test("traces and percentiles are read, and what is none is refused with its line", () => {
  const trace =
    '{"prompt_tokens": 10, "output_tokens": 5}\n[20, 6]\n\n{"usage":{"prompt_tokens":7,"completion_tokens":3}}\n';
  assert.deepEqual(
    parseLengths(trace).map(({ promptTokens, outputTokens }) => [promptTokens, outputTokens]),
    [
      [10, 5],
      [20, 6],
      [7, 3],
    ],
  );
  for (const text of ["", '{"a":1}', "hello", '{"prompt_tokens":-1,"output_tokens":2}'])
    assert.throws(() => parseLengths(text), PagodaError, text);
  for (const [context, output] of [
    ["p50=8k,p95=2k", "300"],
    ["p0=1", "1"],
    ["p50=x", "1"],
    ["2k", "p101=3"],
  ] as const)
    assert.throws(() => lengthsFrom(context, output), PagodaError, context);
  const sorted = lengthsFrom("p50=2k,p95=8k", "300")
    .map(({ promptTokens }) => promptTokens)
    .sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  assert.ok(Math.abs(median - 2048) < 60, `${median}`);
});
