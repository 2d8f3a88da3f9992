import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { PagodaError } from "../../core/errors.ts";
import { LogprobBudget } from "./logprob-budget.ts";

const never = new AbortController().signal;

test("requests enter in order as others leave", async () => {
  const budget = new LogprobBudget(10);
  const entered: string[] = [];
  const enter = async (name: string, numEntries: number) => {
    const release = await budget.reserve(numEntries, never);
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
  const budget = new LogprobBudget(10);
  const release = await budget.reserve(10, never);
  const leaving = new AbortController();
  const gone = budget.reserve(10, leaving.signal);
  const last = budget.reserve(10, never);
  leaving.abort();
  (await gone)();
  release();
  (await last)();
  (await budget.reserve(10, never))();
});

test("one that can never fit is refused with both numbers", async () => {
  await assert.rejects(
    new LogprobBudget(10).reserve(11, never),
    (error) => error instanceof PagodaError && /up to 11 .* at most 10 at once/.test(error.message),
  );
});
