import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { RequestQueue, type WaitingRequest } from "./request-queue.ts";

const request = (key: string, more: Partial<WaitingRequest> = {}): WaitingRequest => ({
  key,
  priority: 0,
  tokens: 100,
  deadlineMs: 3_600_000,
  signal: new AbortController().signal,
  ...more,
});

/** A queue before `numSeats` seats; `free` ends one request. */
function queueWith(numSeats: number, mostWaiting = 100) {
  let numTaken = 0;
  let nowMs = 0;
  const queue = new RequestQueue(
    { mostWaiting },
    () => numTaken < numSeats,
    () => nowMs,
  );
  const order: string[] = [];
  return {
    queue,
    order,
    enter: (name: string, asked: WaitingRequest) =>
      queue.enter(asked, () => {
        numTaken += 1;
        order.push(name);
      }),
    /** One ending; resolves when those let in have run. */
    free: async (afterMs = 1000) => {
      nowMs += afterMs;
      numTaken -= 1;
      queue.wake();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test("with a free seat a request goes at once; else the lower priority number goes first", async () => {
  const { enter, free, order } = queueWith(1);
  await enter("first", request("a"));
  const waiting = [
    enter("late", request("a", { priority: 5 })),
    enter("early", request("a", { priority: 1 })),
    enter("middle", request("a", { priority: 3 })),
  ];
  for (let i = 0; i < 3; i += 1) await free();
  await Promise.all(waiting);
  assert.deepEqual(order, ["first", "early", "middle", "late"]);
});

test("a key that sends much waits for one that sends little", async () => {
  const { enter, free, order } = queueWith(1);
  await enter("a0", request("a"));
  const all = [1, 2, 3].map((i) => enter(`a${i}`, request("a")));
  all.push(enter("b1", request("b")), enter("b2", request("b")));
  for (let i = 0; i < 5; i += 1) await free();
  await Promise.all(all);
  // b begins at a's counter (100), so they take turns from there.
  assert.deepEqual(order, ["a0", "a1", "b1", "a2", "b2", "a3"]);
});

test("one ending lets one in, however many wait", async () => {
  const { enter, free, order } = queueWith(2);
  await Promise.all([enter("x", request("a")), enter("y", request("a"))]);
  const waiting = [1, 2, 3].map((i) => enter(`w${i}`, request("a")));
  await free();
  assert.deepEqual(order, ["x", "y", "w1"]);
  await free();
  await free();
  await Promise.all(waiting);
});

test("a full queue refuses with the seconds that it would take, by the rate of the last endings", async () => {
  const { queue, enter, free } = queueWith(1, 2);
  await enter("running", request("a"));
  for (let i = 0; i < 4; i += 1) {
    const next = enter("next", request("a"));
    await free(5000);
    await next;
  }
  const waiting = [enter("x", request("a")), enter("y", request("a"))];
  await assert.rejects(
    queue.enter(request("a"), () => undefined),
    (error) =>
      error instanceof PagodaError &&
      error.code === "overloaded" &&
      /2 requests wait already/.test(error.message) &&
      /in 15 seconds/.test(error.hint ?? ""),
  );
  await free();
  await free();
  await Promise.all(waiting);
});

test("one that is aborted, or late, leaves the queue and takes no seat", async () => {
  const { queue, enter, free, order } = queueWith(1);
  await enter("running", request("a"));
  const leaving = new AbortController();
  const left = enter("left", request("a", { signal: leaving.signal }));
  const late = enter("late", request("a", { deadlineMs: 1 }));
  const stays = enter("stays", request("a"));
  leaving.abort(new Error("gone"));
  await assert.rejects(left, /gone/);
  await assert.rejects(late, /waited 0 s, its limit/);
  assert.equal(queue.numWaiting, 1);
  await free();
  await stays;
  assert.deepEqual(order, ["running", "stays"]);
  await assert.rejects(
    queue.enter(request("a", { signal: leaving.signal }), () => undefined),
    /gone/,
  );
});

test("what a request has really cost decides who goes next, not the estimate", async () => {
  const { queue, order, enter, free } = queueWith(1);
  await enter("first", request("long"));
  void enter("long 2", request("long"));
  void enter("other", request("other", { tokens: 300 }));
  void enter("other 2", request("other", { tokens: 300 }));
  queue.settle("long", 5000);
  await free();
  await free();
  await free();
  assert.deepEqual(order, ["first", "other", "other 2", "long 2"]);
});

test("those who wait can all be refused, and the next one begins a queue of its own", async () => {
  const { queue, order, enter, free } = queueWith(1);
  await enter("a", request("k"));
  const held = [enter("b", request("k")), enter("c", request("k"))];
  queue.refuseAll(new PagodaError("not_ready", "No instance is left.", { hint: "Wait." }));
  for (const waiting of held) await assert.rejects(waiting, /No instance is left/);
  assert.equal(queue.numWaiting, 0);
  void enter("d", request("k"));
  await free();
  assert.deepEqual(order, ["a", "d"]);
});
