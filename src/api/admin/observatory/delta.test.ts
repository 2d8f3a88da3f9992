/** A reader that applies the deltas has what the server has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyDelta, deltaBetween, type Json } from "./delta.ts";

const value = fc.letrec<{ object: { readonly [name: string]: Json }; value: Json }>((tie) => ({
  object: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { noNullPrototype: true, maxKeys: 3 }),
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Json>(null, true, 0, 1, "x"),
    fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }),
    tie("object"),
  ),
})).object;

test("before + delta = after, for any two objects", () => {
  fc.assert(
    fc.property(value, value, (before, after) => {
      assert.deepEqual(applyDelta(before, deltaBetween(before, after)), after);
    }),
    { numRuns: 2000, seed: 1 },
  );
});

test("a delta holds only what differs, and null is a value", () => {
  const before = { a: { b: 1, c: [1, 2], gone: 1 }, d: { e: 1 } };
  const after = { a: { b: null, c: [1, 2] }, d: { e: 1 } };
  assert.deepEqual(deltaBetween(before, after), { changed: { a: { b: null } }, removed: [["a", "gone"]] });
  const applied = applyDelta(before, deltaBetween(before, after));
  assert.equal(applied.d, before.d);
});

test("equal objects have an empty delta", () => {
  assert.deepEqual(deltaBetween({ a: { b: [{ c: 1 }] } }, { a: { b: [{ c: 1 }] } }), {
    changed: {},
    removed: [],
  });
});
