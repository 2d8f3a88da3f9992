import assert from "node:assert/strict";
import { test } from "node:test";
import { isNestedBeyond } from "./nesting.ts";

test("objects and lists count, texts do not", () => {
  assert.equal(isNestedBeyond('{"a": [1, {"b": 2}]}', 3), false);
  assert.equal(isNestedBeyond('{"a": [1, {"b": 2}]}', 2), true);
  assert.equal(isNestedBeyond('[[1], [2], [3], "[[[[[", "\\"[[[["]', 2), false);
  assert.equal(isNestedBeyond('["\\\\", [[]]]', 2), true);
  assert.equal(isNestedBeyond("[".repeat(2_000_000), 128), true);
});
