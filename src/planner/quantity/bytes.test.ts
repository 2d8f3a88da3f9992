import assert from "node:assert/strict";
import { test } from "node:test";
import { formatGib, gib, parseHumanInteger, pythonRound2 } from "./bytes.ts";

test("GiB are printed as Python prints a rounded float", () => {
  assert.equal(formatGib(16 * gib), "16.0");
  assert.equal(formatGib(72.8 * gib), "72.8");
  assert.equal(formatGib(0.125 * gib), "0.12", "an exact tie goes to the even hundredth");
  assert.equal(formatGib(0.375 * gib), "0.38");
  assert.equal(pythonRound2(2.675), 2.67, "the double lies below the tie");
  assert.equal(formatGib(0), "0.0");
});

test("lower-case suffixes are decimal and take fractions, upper-case ones are binary and do not", () => {
  assert.equal(parseHumanInteger("1k"), 1000);
  assert.equal(parseHumanInteger("1K"), 1024);
  assert.equal(parseHumanInteger("25.6k"), 25_600);
  assert.equal(parseHumanInteger("2g"), 2e9);
  assert.equal(parseHumanInteger("2G"), 2 * gib);
  assert.equal(parseHumanInteger("1.5K"), null);
  assert.equal(parseHumanInteger("ten"), null);
});
