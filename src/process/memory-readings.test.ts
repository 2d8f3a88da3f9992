import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryReadings } from "./memory-readings.ts";

function scripted() {
  const asked: number[] = [];
  let nowMs = 0;
  const readings = new MemoryReadings(
    () => nowMs,
    ([pid = 0]) => {
      asked.push(pid);
      return { heldBytes: 100 * pid, unreclaimableBytes: pid };
    },
  );
  const read = (...processes: readonly (readonly [pid: number, residentPages: number])[]): number[] => {
    asked.length = 0;
    readings.readAll(processes.map(([pid, residentPages]) => ({ pid, residentPages, startTicks: 7 })));
    return asked.toSorted();
  };
  const wait = (ms: number): void => {
    nowMs += ms;
  };
  return { readings, read, wait };
}

test("the share of pages is read again where the number of pages has changed, and nowhere else", () => {
  const { readings, read } = scripted();
  assert.deepEqual(read([1, 1000], [2, 1000]), [1, 2]);
  assert.deepEqual(read([1, 1002], [2, 1000]), []);
  assert.deepEqual(read([1, 1003], [2, 1000]), [1]);
  assert.deepEqual(readings.sumOf([{ pid: 1, startTicks: 7, residentPages: 0 }]), {
    heldBytes: 100,
    unreclaimableBytes: 1,
  });
});

test("all are read again when a process has come or gone, and after half a minute", () => {
  const { read, wait } = scripted();
  read([1, 1000], [2, 1000]);
  assert.deepEqual(read([1, 1000], [2, 1000], [3, 10]), [1, 2, 3]);
  assert.deepEqual(read([1, 1000], [3, 10]), [1, 3]);
  wait(29_000);
  assert.deepEqual(read([1, 1000], [3, 10]), []);
  wait(1000);
  assert.deepEqual(read([1, 1000], [3, 10]), [1, 3]);
});
