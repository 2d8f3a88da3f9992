/** Loads of engines of other programs, as their metrics tell them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointSnapshot } from "../../../core/endpoint.ts";
import { RemoteLimit } from "./remote-limit.ts";

const counters = {
  numPromptTokens: 0,
  numGenerationTokens: 0,
  numPrefixQueryTokens: 0,
  numPrefixHitTokens: 0,
};
const load = (
  numRunning: number,
  numWaiting: number,
  kvCacheUsage: number,
  numPreemptions = 0,
): EndpointSnapshot => ({
  ...{ numRunning, numWaiting, kvCacheUsage },
  counters: { ...counters, numPreemptions },
});

test("the same names as far as the metrics allow, and unknown beyond", () => {
  const cases: [EndpointSnapshot, number | null, string][] = [
    [load(0, 0, 0), 8, "idle"],
    [load(8, 3, 0.4), 8, "seats"],
    [load(5, 3, 0.95), 8, "kv_blocks"],
    [load(5, 3, 0.4), 8, "unknown"],
    [load(5, 3, 0.4), null, "unknown"],
    [load(5, 0, 0.4), 8, "unknown"],
  ];
  for (const [given, seats, expected] of cases) {
    const limit = new RemoteLimit();
    limit.look(given, seats, 0);
    assert.equal(limit.report(1000).limit, expected, JSON.stringify(given));
  }
});

test("a preemption since the last look is for want of blocks; looks older than a minute are forgotten", () => {
  const limit = new RemoteLimit();
  limit.look(load(8, 3, 0.5, 4), 8, 0);
  limit.look(load(8, 3, 0.5, 6), 8, 1000);
  limit.look(load(0, 0, 0, 6), 8, 3000);
  const { shares } = limit.report(6000);
  assert.deepEqual(shares, [
    { limit: "idle", share: 3 / 6 },
    { limit: "kv_blocks", share: 2 / 6 },
    { limit: "seats", share: 1 / 6 },
  ]);
  limit.look(load(0, 0, 0, 6), 8, 70_000);
  assert.deepEqual(
    limit.report(71_000).shares.map(({ limit: name }) => name),
    ["idle"],
  );
});
