import assert from "node:assert/strict";
import { test } from "node:test";
import { axisOf } from "./axis.ts";

test("ticks are round, rise evenly and enclose every value", () => {
  for (const values of [[0.3, 7.2], [12], [1e-4, 3e-4], [0, 0], [-5, 5], [123_456, 9_876_543]]) {
    const { low, high, ticks } = axisOf(values);
    assert.ok(low <= Math.min(...values) && high >= Math.max(...values), `${values}: ${low} to ${high}`);
    assert.ok(ticks.length >= 2 && ticks.length <= 8, `${ticks}`);
    assert.equal(ticks[0], low);
    assert.equal(ticks.at(-1), high);
    assert.ok(high > low);
  }
  assert.deepEqual(axisOf([7, 48]).ticks, [0, 10, 20, 30, 40, 50]);
  assert.deepEqual(axisOf([41, 48], { fromZero: false }).ticks, [40, 42, 44, 46, 48]);
});

test("bytes have powers of two, and values that are not numbers are left out", () => {
  const mib = 2 ** 20;
  assert.deepEqual(
    axisOf([300 * mib], { scale: "bytes" }).ticks.map((bytes) => bytes / mib),
    [0, 64, 128, 192, 256, 320],
  );
  assert.deepEqual(axisOf([Number.NaN, Number.POSITIVE_INFINITY, 4]).ticks, [0, 1, 2, 3, 4]);
  assert.equal(axisOf([]).high, 1);
});
