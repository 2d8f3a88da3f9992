import assert from "node:assert/strict";
import { test } from "node:test";
import { readSometimes } from "./devices.ts";

test("devices are read once for the snapshots of one second", () => {
  let nowMs = 0;
  let numReads = 0;
  const read = readSometimes(
    () => {
      numReads++;
      return [];
    },
    () => nowMs,
  );
  for (nowMs = 0; nowMs < 10_000; nowMs += 250) read();
  assert.equal(numReads, 10);
});
