import assert from "node:assert/strict";
import { test } from "node:test";
import { seededUniform } from "../../core/seeded-uniform.ts";
import { RestartPolicy } from "./restart-policy.ts";

const policy = (): RestartPolicy => new RestartPolicy(seededUniform(1));

test("what no second try mends is not tried again; a taken port is changed at once", () => {
  assert.deepEqual(policy().decide("configuration", 0, 0), { kind: "failed" });
  assert.deepEqual(policy().decide("port", 0, 0), { kind: "restart", afterMs: 0 });
});

test("pauses double from a second, within a fifth; the fifth crash in ten minutes is a loop", () => {
  const own = policy();
  for (const [round, expectedMs] of [1000, 2000, 4000, 8000].entries()) {
    const decision = own.decide("crash", 1000, round * 10_000);
    assert.ok(
      decision.kind === "restart" && Math.abs(decision.afterMs / expectedMs - 1) <= 0.2,
      JSON.stringify(decision),
    );
  }
  const fifth = own.decide("killed", 1000, 50_000);
  assert.ok(fifth.kind === "crashloop" && fifth.afterMs >= 240_000);
});

test("ten minutes of service begin anew, and memory that is not back yet is no crash", () => {
  const own = policy();
  for (let i = 0; i < 4; i += 1) own.decide("crash", 0, i);
  for (let i = 0; i < 50; i += 1) assert.equal(own.decide("memory-not-back", 0, i).kind, "restart");
  const later = own.decide("crash", 700_000, 700_000);
  assert.ok(later.kind === "restart" && later.afterMs <= 1200);
});

test("memory that is not back is waited for longer and longer, and for two minutes at most", () => {
  const own = policy();
  const decide = (readyMs: number, nowMs: number) => own.decide("memory-not-back", readyMs, nowMs);
  for (const [round, afterMs] of [1000, 2000, 4000, 8000, 15_000, 15_000].entries())
    assert.deepEqual(decide(0, round * 10_000), { kind: "restart", afterMs });
  assert.equal(decide(0, 119_999).kind, "restart");
  assert.deepEqual(decide(0, 120_000), { kind: "failed" });
  // One that was ready meanwhile has had its memory: the wait begins anew.
  assert.deepEqual(decide(5000, 300_000), { kind: "restart", afterMs: 1000 });
});
