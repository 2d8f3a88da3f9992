import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { gib, mib } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import { Ledger } from "./ledger.ts";

const card = { deviceId: "card", totalBytes: 24 * gib, marginBytes: gib };

test("what was promised to one instance is not promised to another", () => {
  const ledger = new Ledger([card]);
  ledger.reserve("a", [{ deviceId: "card", plannedBytes: 12 * gib }]);
  assert.throws(
    () => ledger.reserve("b", [{ deviceId: "card", plannedBytes: 12 * gib }]),
    (error) =>
      error instanceof PagodaError &&
      error.code === "memory_too_small" &&
      /b needs 12\.00 GiB of card, which has 11\.00 GiB to give; the rest is taken by a 12\.00 GiB\./.test(
        error.message,
      ),
  );
  ledger.release("a");
  ledger.reserve("b", [{ deviceId: "card", plannedBytes: 12 * gib }]);
  assert.equal(ledger.device("card").availableBytes, 11 * gib);
});

test("a demand on several devices is granted whole or not at all", () => {
  const ledger = new Ledger([card, { ...card, deviceId: "small", totalBytes: 8 * gib }]);
  const demands = ["card", "small"].map((deviceId) => ({ deviceId, plannedBytes: 10 * gib }));
  assert.throws(() => ledger.reserve("tp2", demands), /needs 10\.00 GiB of small/);
  assert.deepEqual(ledger.device("card").entries, []);
});

test("held bytes above the plan are reserved; below it the plan stays reserved", () => {
  const ledger = new Ledger([card]);
  ledger.reserve("a", [{ deviceId: "card", plannedBytes: 10 * gib }]);
  assert.equal(ledger.measure("a", "card", 8 * gib), 0);
  assert.equal(ledger.device("card").availableBytes, 13 * gib);
  assert.equal(ledger.measure("a", "card", 10 * gib + 300 * mib), 300 * mib);
  assert.equal(ledger.device("card").availableBytes, 13 * gib - 300 * mib);
});

test("foreign bytes that arrive later show as a shortfall, and nothing more is granted", () => {
  const ledger = new Ledger([card]);
  ledger.reserve("a", [{ deviceId: "card", plannedBytes: 20 * gib }]);
  ledger.measureForeign("card", [{ pid: 77, name: "python", heldBytes: 5 * gib }]);
  assert.equal(ledger.device("card").availableBytes, -2 * gib);
  assert.throws(
    () => ledger.reserve("b", [{ deviceId: "card", plannedBytes: 1 }]),
    /which has 0 B to give; the rest is taken by a 20\.00 GiB, python \(pid 77\) 5\.00 GiB/,
  );
});

/** One thing that happens to a ledger of two devices. */
const event = fc.record({
  kind: fc.constantFrom("reserve", "measure", "release", "foreign"),
  instance: fc.integer({ min: 0, max: 5 }),
  device: fc.integer({ min: 0, max: 1 }),
  mebibytes: fc.integer({ min: 0, max: 16_000 }),
});

test("no sequence of events lets the ledger promise more than there was at the moment of the promise", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const ledger = new Ledger([card, { ...card, deviceId: "second", totalBytes: 16 * gib }]);
      for (const { kind, instance, device, mebibytes } of events) {
        const deviceId = device === 0 ? "card" : "second";
        const instanceId = `i${instance}`;
        const before = ledger.device(deviceId);
        const isIn = ledger.devices().some(({ entries }) => entries.some((e) => e.instanceId === instanceId));
        const bytes = mebibytes * mib;
        if (kind === "reserve" && !isIn) {
          try {
            ledger.reserve(instanceId, [{ deviceId, plannedBytes: bytes }]);
            assert.ok(bytes <= before.availableBytes);
          } catch (error) {
            assert.ok(error instanceof PagodaError && bytes > before.availableBytes);
            assert.deepEqual(ledger.device(deviceId), before);
          }
        } else if (kind === "measure" && before.entries.some((e) => e.instanceId === instanceId))
          ledger.measure(instanceId, deviceId, bytes);
        else if (kind === "release") ledger.release(instanceId);
        else if (kind === "foreign")
          ledger.measureForeign(deviceId, [{ pid: null, name: "others", heldBytes: bytes }]);
        for (const after of ledger.devices()) {
          assert.equal(
            after.availableBytes,
            after.totalBytes - after.marginBytes - after.foreignBytes - after.reservedBytes,
          );
          assert.ok(after.entries.every((e) => e.reservedBytes >= (e.heldBytes ?? 0)));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("one that sleeps keeps what it holds; its planned bytes are promised again before it wakes, or not at all", () => {
  const ledger = new Ledger([{ deviceId: "gpu0", totalBytes: 100, marginBytes: 0 }]);
  ledger.reserve("a", [{ deviceId: "gpu0", plannedBytes: 80 }]);
  ledger.measure("a", "gpu0", 10);
  assert.equal(ledger.device("gpu0").availableBytes, 20);
  ledger.rest("a");
  assert.equal(ledger.device("gpu0").availableBytes, 90);
  ledger.measure("a", "gpu0", 15);
  ledger.reserve("b", [{ deviceId: "gpu0", plannedBytes: 50 }]);
  assert.throws(() => ledger.rouse("a"), /a needs 65 B of gpu0, which has 35 B to give/);
  assert.equal(ledger.device("gpu0").reservedBytes, 65);
  ledger.release("b");
  ledger.rouse("a");
  assert.equal(ledger.device("gpu0").reservedBytes, 80);
});
