import assert from "node:assert/strict";
import { test } from "node:test";
import { uniformAt } from "./random.ts";

/** The 53 bits that two words of the published known answers give. */
const bits = (x0: number, x1: number): number => ((x0 >>> 5) * 2 ** 26 + (x1 >>> 6)) / 2 ** 53;

test("Threefry-2x32-20 gives its published answers", () => {
  assert.equal(uniformAt(0, 0, 0), bits(0x6b200159, 0x99ba4efe));
  // All words of key and counter 0xffffffff.
  assert.equal(uniformAt(-1, -1, -1), bits(0x1cb996fc, 0xbb002be7));
});

test("draws fill [0, 1) evenly over positions, sequences and seeds", () => {
  const numDraws = 20_000;
  const draws: ((i: number) => number)[] = [
    (i) => uniformAt(1, 0, i),
    (i) => uniformAt(1, i, 0),
    (i) => uniformAt(i, 0, 0),
    (i) => uniformAt(-i, 1, 2),
  ];
  for (const draw of draws) {
    const counts = new Array<number>(16).fill(0);
    for (let i = 0; i < numDraws; i++) {
      const value = draw(i);
      assert.ok(value >= 0 && value < 1);
      counts[Math.floor(value * 16)] = (counts[Math.floor(value * 16)] ?? 0) + 1;
    }
    const chiSquared = counts.reduce((sum, count) => sum + (count - numDraws / 16) ** 2 / (numDraws / 16), 0);
    // 15 degrees of freedom: 37.7 is exceeded once in a thousand.
    assert.ok(chiSquared < 37.7, `chi squared ${chiSquared}`);
  }
});
