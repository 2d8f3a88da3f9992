import assert from "node:assert/strict";
import { test } from "node:test";
import { devicesOf, readSometimes } from "./devices.ts";
import { blankInstance } from "./instance-view.ts";

const instance = (instanceId: string, pid: number, deviceId: string, residentBytes: number) => ({
  ...blankInstance({
    ...{ instanceId, model: "m", engine: "pagoda", state: "ready", reason: null, pid, deviceIds: [deviceId] },
  }),
  memory: {
    capBytes: null,
    residentBytes,
    peakResidentBytes: residentBytes,
    components: [],
    runtimeParts: [],
  },
});
const server = { pid: 1, residentBytes: 50 };
const cpu = {
  ...({ deviceId: "cpu", kind: "cpu", name: "memory", totalBytes: 1000, freeBytes: 300 } as const),
  foreign: [{ pid: null, name: "other processes", heldBytes: 650 }],
};

test("the processes of a fleet are its own, and the supervisor has a share", () => {
  const instances = { a: instance("a", 2, "cpu", 200), b: instance("b", 3, "cpu", 300) };
  const { holders } = devicesOf([cpu], instances, [], server).cpu ?? { holders: [] };
  assert.deepEqual(
    holders.map(({ kind, name, heldBytes }) => [kind, name, heldBytes]),
    [
      ["instance", "b", 300],
      ["instance", "a", 200],
      ["foreign", "other processes", 150],
      ["server", "this server", 50],
    ],
  );
  const alone = devicesOf([cpu], { a: instance("a", 1, "cpu", 50) }, [], server).cpu?.holders ?? [];
  assert.deepEqual(
    alone.map(({ kind, heldBytes }) => [kind, heldBytes]),
    [
      ["foreign", 650],
      ["instance", 50],
    ],
  );
});

test("a card that only the ledger knows is there with its instances and strangers", () => {
  const booked = {
    ...{ deviceId: "gpu-0", totalBytes: 800, marginBytes: 10, reservedBytes: 500, heldBytes: 480 },
    ...{ foreignBytes: 100, availableBytes: 190 },
    entries: [{ instanceId: "a", plannedBytes: 500, reservedBytes: 500, heldBytes: 480 }],
  };
  const a = { ...instance("a", 2, "gpu-0", 0), memory: null };
  const { freeBytes, kind, holders } = devicesOf([], { a }, [booked], server)["gpu-0"] ?? { holders: [] };
  assert.deepEqual([kind, freeBytes], ["gpu", 220]);
  assert.deepEqual(
    holders.map(({ name, plannedBytes, heldBytes }) => [name, plannedBytes, heldBytes]),
    [
      ["a", 500, 480],
      ["other processes", null, 100],
    ],
  );
});

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
