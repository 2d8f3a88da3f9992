import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isNestedBeyond } from "./nesting.ts";

test("objects and lists count, texts do not", () => {
  assert.equal(isNestedBeyond('{"a": [1, {"b": 2}]}', 3), false);
  assert.equal(isNestedBeyond('{"a": [1, {"b": 2}]}', 2), true);
  assert.equal(isNestedBeyond('[[1], [2], [3], "[[[[[", "\\"[[[["]', 2), false);
  assert.equal(isNestedBeyond('["\\\\", [[]]]', 2), true);
  assert.equal(isNestedBeyond("[".repeat(2_000_000), 128), true);
});

const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null
    ? 1 + Math.max(0, ...Object.values(value).map((inner) => depthOf(inner)))
    : 0;

test("the depth of any JSON value is seen, whatever its texts hold", () => {
  const text = fc.array(fc.constantFrom('"', "\\", "[", "{", "]", "}", "a")).map((parts) => parts.join(""));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: "medium" },
      text,
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(text, tie("tree"), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const [json, depth] = [JSON.stringify(value), depthOf(value)];
      assert.equal(isNestedBeyond(json, depth), false);
      if (depth > 0) assert.equal(isNestedBeyond(json, depth - 1), true);
    }),
  );
});

test("a text without an end is the parser's to refuse, and megabytes of quotes take no time to speak of", () => {
  assert.equal(isNestedBeyond('{"a', 1), false);
  assert.equal(isNestedBeyond(`["${'\\"'.repeat(2 ** 20)}", [[]]]`, 2), true);
  assert.equal(isNestedBeyond(`["${"\\".repeat(2 ** 21)}", [[]]]`, 2), true);
});
