import assert from "node:assert/strict";
import { test } from "node:test";
import { mib } from "../../core/byte-size.ts";
import { cardOf, DeviceReadings, findDevices, processesOn } from "./find-devices.ts";

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

test("the processors are there, with what is declared of them; a device that is not there is named with those that are", async () => {
  const [cpu] = await findDevices([{ deviceId: "cpu", totalBytes: 64 * mib, marginBytes: mib }]);
  assert.deepEqual([cpu?.totalBytes, cpu?.marginBytes, cpu?.runs], [64 * mib, mib, "processors"]);
  await assert.rejects(
    findDevices([{ deviceId: "cpi", totalBytes: null, marginBytes: 0 }]),
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

/** A program that answers while it is there, and counts how often it was started. */
function scriptedCards() {
  let numAsked = 0;
  let isThere = true;
  const ask = async (about: string): Promise<string | null> => {
    if (!isThere) return null;
    if (about !== "gpu") return "";
    numAsked += 1;
    return `0, GPU-1, H200, 1000, ${numAsked}`;
  };
  const vanish = (): void => {
    isThere = false;
  };
  return { ask, numAsked: () => numAsked, vanish };
}

test("cards are asked once for all who ask within the age that they allow, and keep what they said when the program fails", async () => {
  const cards = scriptedCards();
  let nowMs = 0;
  const readings = new DeviceReadings([], () => nowMs, cards.ask);
  const usedMib = async (mostAgeMs: number): Promise<number> =>
    ((await readings.now(mostAgeMs)).find(({ runs }) => runs === "cards")?.usedBytes ?? 0) / mib;
  assert.deepEqual(await Promise.all([usedMib(5000), usedMib(5000)]), [1, 1]);
  nowMs = 4000;
  assert.equal(await usedMib(5000), 1);
  assert.equal(await usedMib(0), 2);
  nowMs = 9001;
  assert.equal(await usedMib(5000), 3);
  cards.vanish();
  nowMs = 20_000;
  assert.equal(await usedMib(5000), 3);
  assert.equal(cards.numAsked(), 3);
});

test("a machine that has no cards at the first look is not asked again", async () => {
  let numAsked = 0;
  const ask = async (): Promise<null> => {
    numAsked += 1;
    return null;
  };
  const readings = new DeviceReadings([], () => numAsked, ask);
  for (let look = 0; look < 3; look += 1)
    assert.deepEqual(
      (await readings.now(0)).map(({ deviceId }) => deviceId),
      ["cpu"],
    );
  assert.equal(numAsked, 2);
});
