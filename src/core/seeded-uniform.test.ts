import assert from "node:assert/strict";
import { test } from "node:test";
import { seededUniform } from "./seeded-uniform.ts";

test("a seed gives the same numbers everywhere, all in [0, 1)", () => {
  const uniform = seededUniform(1);
  const numbers = Array.from({ length: 1000 }, uniform);
  assert.deepEqual(numbers.slice(0, 3), [0.6270739405881613, 0.002735721180215478, 0.5274470399599522]);
  assert.ok(numbers.every((number) => number >= 0 && number < 1));
  assert.notDeepEqual(Array.from({ length: 3 }, seededUniform(2)), numbers.slice(0, 3));
});
