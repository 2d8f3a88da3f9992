import assert from "node:assert/strict";
import { test } from "node:test";
import { gib, mib } from "../../core/byte-size.ts";
import { heapCeilingMib, runtimeReservationBytes } from "../../planner/engines/pagoda/index.ts";
import { heapCeilingFor, runningHeapCeilingMib } from "./heap-ceiling.ts";
import { bodyCapacityBytes, logprobCapacity, unreadCapacityBytes } from "./heap-shares.ts";

test("the heap's ceiling follows the budget within bounds", () => {
  assert.deepEqual([100 * mib, 700 * mib, 2 * gib, 100 * gib].map(heapCeilingMib), [128, 140, 409, 512]);
});

test("the ceiling is that of the cap as typed, else of what is available; wrong flags are left to the command", () => {
  const device = { totalBytes: 8 * gib, availableBytes: 600 * mib };
  assert.equal(heapCeilingFor({ memory: "1000MiB" }, {}, device), 200);
  assert.equal(heapCeilingFor({ gpuMemoryUtilization: "0.25" }, {}, device), 409);
  assert.equal(heapCeilingFor({}, { PAGODA_MEMORY: "1000MiB", PAGODA_UNRELATED: "x" }, device), 200);
  assert.equal(heapCeilingFor({ memory: "lots" }, {}, device), 128);
  assert.equal(heapCeilingFor({}, {}, { ...device, availableBytes: 1000 * mib }), 200);
});

test("a process says under which ceiling it runs", () => {
  assert.equal(runningHeapCeilingMib({ PAGODA_HEAP_MIB: "140" }), 140);
  assert.equal(runningHeapCeilingMib({}), null);
  assert.equal(runningHeapCeilingMib({ PAGODA_HEAP_MIB: "x" }), null);
});

test("the shares of the heap leave a quarter of it for a server at rest", () => {
  const bytesPerLogprob = 80;
  const bytesPerBodyByte = 3;
  for (const ceilingMib of [128, 200, 512]) {
    const sharedBytes =
      bytesPerLogprob * logprobCapacity(ceilingMib) +
      bytesPerBodyByte * bodyCapacityBytes(ceilingMib) +
      unreadCapacityBytes(ceilingMib);
    assert.ok(sharedBytes <= 0.75 * ceilingMib * mib, `${sharedBytes} of ${ceilingMib} MiB`);
  }
});

test("the reservation holds the ceiling and grows by thread", () => {
  const two = runtimeReservationBytes(140, 2);
  assert.ok(two > 140 * mib);
  assert.ok(runtimeReservationBytes(140, 3) > two);
});
