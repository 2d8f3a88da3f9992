import assert from "node:assert/strict";
import { test } from "node:test";
import { gib, mib } from "../../core/byte-size.ts";
import {
  bodyCapacityBytes,
  heapCeilingMib,
  logprobCapacity,
  unreadCapacityBytes,
} from "../../instance/heap-shares.ts";
import { runtimeReservationBytes } from "../../instance/runtime-reservation.ts";
import { capAsTyped } from "./heap.ts";

test("the heap's ceiling follows the cap within bounds", () => {
  assert.deepEqual(
    [null, 100 * mib, 700 * mib, 2 * gib, 100 * gib].map(heapCeilingMib),
    [512, 128, 140, 409, 512],
  );
});

test("the cap is found among flags and variables, and wrong ones are left to the command", () => {
  assert.equal(capAsTyped({ memory: "700MiB" }, {}), 700 * mib);
  assert.equal(capAsTyped({}, { PAGODA_MEMORY: "2g", PAGODA_UNRELATED: "x" }), 2e9);
  assert.equal(capAsTyped({ memory: "lots" }, {}), null);
  assert.equal(capAsTyped({}, {}), null);
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
