import assert from "node:assert/strict";
import { test } from "node:test";
import { estimated, exact, larger, measured, minus, sum } from "./quantity.ts";

test("sums keep their intervals and take the weakest evidence", () => {
  const total = sum([exact(10, "a"), measured(5, "b", 1), estimated(1, 2, 4, "c")], "all");
  assert.deepEqual([total.lowBytes, total.expectedBytes, total.highBytes], [15, 17, 20]);
  assert.equal(total.evidence.kind, "estimated");
  assert.equal(sum([exact(1, "a"), exact(2, "b")], "").evidence.kind, "exact");
});

test("a difference is low where its parts are high", () => {
  const left = minus(exact(100, "whole"), [estimated(10, 20, 40, "part")], "rest");
  assert.deepEqual([left.lowBytes, left.expectedBytes, left.highBytes], [60, 80, 90]);
});

test("the larger of two is taken end by end, and an estimate never lies outside its own ends", () => {
  const both = larger(estimated(1, 5, 9, "a"), estimated(2, 3, 12, "b"), "");
  assert.deepEqual([both.lowBytes, both.expectedBytes, both.highBytes], [2, 5, 12]);
  const odd = estimated(8, 5, 4, "");
  assert.ok(odd.lowBytes <= odd.expectedBytes && odd.expectedBytes <= odd.highBytes);
});
