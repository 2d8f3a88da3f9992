import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { KeyRing, parseKeyFile } from "./api-keys.ts";
import { MinuteBudget } from "./minute-budget.ts";

test("a file of keys: one a line, with settings and comments", () => {
  const text =
    "# team keys\r\nsk-one\n\n sk-two name=batch requests_per_minute=60 tokens_per_minute=100000 # nightly\n";
  assert.deepEqual(parseKeyFile(text), [
    { key: "sk-one", name: null, requestsPerMinute: null, tokensPerMinute: null },
    { key: "sk-two", name: "batch", requestsPerMinute: 60, tokensPerMinute: 100_000 },
  ]);
});

test("what cannot be read in it is named by its line, and no key is repeated", () => {
  for (const [text, message] of [
    ["sk-secret requests_per_minute=0", /Line 1 .* a setting that cannot be read/],
    ["a\nsk-secret limit=5", /Line 2 /],
    ["sk-secret sk-other", /Line 1 /],
    ["sk-s\u00e9cret", /Line 1 holds a key with characters that no header can carry/],
    ["# none\n\n", /holds no key/],
  ] as const)
    assert.throws(
      () => parseKeyFile(text),
      (error) => error instanceof PagodaError && message.test(error.message) && !/secret/.test(error.message),
      text,
    );
});

test("a ring finds the owner of a key, and of no other text", () => {
  const ring = new KeyRing([
    ["a", 1],
    ["b", 2],
  ]);
  assert.deepEqual(
    [ring.ownerOf("a"), ring.ownerOf("b"), ring.ownerOf("ab"), ring.ownerOf("")],
    [1, 2, null, null],
  );
});

test("a budget refills all the time, up to what a minute has", () => {
  const clock = { nowMs: 0 };
  const budget = new MinuteBudget(60, () => clock.nowMs);
  budget.use(60);
  assert.equal(budget.waitMs(1), 1000);
  clock.nowMs = 500;
  assert.equal(budget.waitMs(1), 500);
  clock.nowMs = 600_000;
  assert.equal(budget.waitMs(60), 0);
  assert.equal(budget.waitMs(61), 1000);
  budget.use(100);
  assert.equal(budget.waitMs(1), 41_000);
});
