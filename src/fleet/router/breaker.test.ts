import assert from "node:assert/strict";
import { test } from "node:test";
import { Breaker } from "./breaker.ts";

const numbers = { failures: 3, windowMs: 1000, openMs: 500, aloneOpenMs: 100, successes: 2 };

function breakerAt() {
  const time = { nowMs: 0 };
  return { time, breaker: new Breaker(() => time.nowMs, numbers) };
}

test("failures within the window open it; older ones do not count", () => {
  const { time, breaker } = breakerAt();
  breaker.failed();
  breaker.failed();
  time.nowMs = 1500;
  breaker.failed();
  assert.equal(breaker.state, "closed");
  breaker.failed();
  breaker.failed();
  assert.equal(breaker.state, "open");
  assert.ok(!breaker.isPassable);
});

test("requests that are the client's fault never open it", () => {
  const { breaker } = breakerAt();
  for (let i = 0; i < 100; i += 1) {
    breaker.begin();
    breaker.undecided();
  }
  assert.equal(breaker.state, "closed");
});

test("half open, one request at a time: enough successes close it, one failure opens it again", () => {
  const { time, breaker } = breakerAt();
  for (let i = 0; i < 3; i += 1) breaker.failed();
  time.nowMs = 600;
  assert.equal(breaker.state, "half-open");
  breaker.begin();
  assert.ok(!breaker.isPassable);
  breaker.failed();
  assert.equal(breaker.state, "open");
  time.nowMs = 1200;
  for (let i = 0; i < 2; i += 1) {
    assert.ok(breaker.isPassable);
    breaker.begin();
    breaker.succeeded();
  }
  assert.equal(breaker.state, "closed");
});

test("where no other endpoint is left it lets one request through sooner, and says when", () => {
  const { time, breaker } = breakerAt();
  assert.deepEqual(breaker.opensInMs, []);
  for (let i = 0; i < 3; i += 1) breaker.failed();
  assert.deepEqual(breaker.opensInMs, [100, 500]);
  assert.ok(!breaker.isPassableAlone);
  time.nowMs = 100;
  assert.ok(breaker.isPassableAlone && !breaker.isPassable);
  breaker.begin();
  assert.ok(!breaker.isPassableAlone);
  breaker.failed();
  assert.deepEqual([breaker.state, breaker.isPassableAlone], ["open", false]);
});
