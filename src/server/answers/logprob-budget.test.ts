import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { PagodaError } from "../../core/errors.ts";
import { LogprobRoom } from "./logprob-budget.ts";

const never = new AbortController().signal;

test("requests enter in order as others leave", async () => {
  const room = new LogprobRoom(10);
  const entered: string[] = [];
  const enter = async (name: string, numEntries: number) => {
    const release = await room.enter(numEntries, never);
    entered.push(name);
    return release;
  };
  const releaseA = await enter("a", 8);
  const b = enter("b", 5);
  const c = enter("c", 1);
  await turn();
  assert.deepEqual(entered, ["a"], "c would fit, and waits behind b");
  releaseA();
  releaseA();
  await Promise.all([b, c]);
  assert.deepEqual(entered, ["a", "b", "c"]);
  await enter("none", 0);
});

test("a request that is aborted while it waits makes way", async () => {
  const room = new LogprobRoom(10);
  const release = await room.enter(10, never);
  const leaving = new AbortController();
  const gone = room.enter(10, leaving.signal);
  const last = room.enter(10, never);
  leaving.abort();
  (await gone)();
  release();
  (await last)();
  (await room.enter(10, never))();
});

test("one that can never fit is refused with both numbers", async () => {
  await assert.rejects(
    new LogprobRoom(10).enter(11, never),
    (error) => error instanceof PagodaError && /up to 11 .* holds 10/.test(error.message),
  );
});
