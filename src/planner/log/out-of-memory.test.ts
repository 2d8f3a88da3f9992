/** An out-of-memory message as PyTorch 2.1 spells it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLog } from "../explain/read-log.ts";
import { gib } from "../quantity/bytes.ts";

test("total capacty, of a PyTorch engine that was serving (lmdeploy pull 1515)", () => {
  const facts = readLog(
    "2024-05-08 16:16:10,360 - lmdeploy - ERROR - Engine loop failed with error: CUDA out of memory. Tried to allocate 488.00 MiB. GPU 0 has a total capacty of 79.21 GiB of which 425.56 MiB is free. Including non-PyTorch memory, this process has 77.52 GiB memory in use.",
  );
  assert.equal(facts.failure?.kind, "serving");
  assert.ok(Math.abs((facts.outOfMemory?.total?.expectedBytes ?? 0) - 79.21 * gib) < 0.001 * gib);
});
