import assert from "node:assert/strict";
import { test } from "node:test";
import { mib } from "../../core/byte-size.ts";
import { cardOf, findDevices, processesOn } from "./find-devices.ts";

test("a line of nvidia-smi is a card; a card that states no figures is none", () => {
  assert.deepEqual(cardOf("0, GPU-5c8f, NVIDIA H200, 143771, 4"), {
    deviceId: "gpu0",
    kind: "NVIDIA H200",
    runs: "cards",
    driverId: "GPU-5c8f",
    totalBytes: 143_771 * mib,
    marginBytes: 0,
    usedBytes: 4 * mib,
    processes: null,
  });
  assert.equal(cardOf(""), null);
  assert.equal(cardOf("0, GPU-5c8f, NVIDIA GB10, [N/A], [N/A]"), null);
});

test("the processors are there, with what is declared of them; a device that is not there is named with those that are", () => {
  const [cpu] = findDevices([{ deviceId: "cpu", totalBytes: 64 * mib, marginBytes: mib }]);
  assert.deepEqual([cpu?.totalBytes, cpu?.marginBytes, cpu?.runs], [64 * mib, mib, "processors"]);
  assert.throws(
    () => findDevices([{ deviceId: "cpi", totalBytes: null, marginBytes: 0 }]),
    /This machine has no device cpi; it has cpu/,
  );
});

test("processes of a card by the lines of nvidia-smi; where one states no bytes, nothing is told", () => {
  const text =
    "GPU-a, 4121, 30210, VLLM::EngineCore\nGPU-b, 77, 512, python\nGPU-a, 5001, 812, /usr/bin/x, y\n";
  assert.deepEqual(processesOn("GPU-a", text), [
    { pid: 4121, name: "VLLM::EngineCore", heldBytes: 30_210 * mib },
    { pid: 5001, name: "/usr/bin/x,y", heldBytes: 812 * mib },
  ]);
  assert.deepEqual(processesOn("GPU-c", text), []);
  assert.equal(processesOn("GPU-b", "GPU-b, 77, [N/A], python\n"), null);
});
