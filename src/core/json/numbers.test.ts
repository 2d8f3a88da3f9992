import assert from "node:assert/strict";
import { test } from "node:test";
import { mayLoseNumbers, numberTexts, parseJson } from "./numbers.ts";

test("numbers that a double does not tell apart are remembered as they were written", () => {
  const json = '{"a": 1.0, "b": [2, -0.0, 1e3, 12345678901234567890], "c": {"d": 2.50, "e": 7}}';
  const value = parseJson(json) as { b: object; c: object };
  assert.deepEqual(value, JSON.parse(json));
  assert.deepEqual([...(numberTexts(value) ?? [])], [["a", "1.0"]]);
  assert.deepEqual(
    [...(numberTexts(value.b) ?? [])],
    [
      ["1", "-0.0"],
      ["2", "1e3"],
      ["3", "12345678901234567890"],
    ],
  );
  assert.equal(numberTexts(value.c), undefined);
});

test("JSON without such numbers is parsed without a look at each value", () => {
  for (const json of ['{"a": 1, "b": 2.5}', '[0.05, 10, "1. 0"]', '"3.01"'])
    assert.ok(!mayLoseNumbers(json), json);
  assert.equal(numberTexts(parseJson('{"a": 1}') as object), undefined);
});
