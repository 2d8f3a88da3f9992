/** Engines that sleep: their processes stay, most of their memory is somebody else's meanwhile, and a request wakes them. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { mib } from "../../core/byte-size.ts";
import { answerOf, type ScriptedModel, scriptedFleet, until } from "../testing/scripted-fleet.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((fleet) => fleet.close()));
});

async function started(models: readonly ScriptedModel[], deviceMib: number) {
  const scripted = scriptedFleet(models, deviceMib);
  open.push(scripted);
  await scripted.fleet.start();
  const { ledger } = scripted;
  const reserved = (id: string): number =>
    (ledger.device("cpu").entries.find(({ instanceId }) => instanceId === id)?.reservedBytes ?? 0) / mib;
  return { ...scripted, reserved };
}

test("an idle engine that can sleep keeps its process, reserves what it holds, and wakes with the next request", {
  skip,
}, async () => {
  const { fleet, reserved, events } = await started([{ name: "a", script: "sleeper", ttlMs: 0 }], 4096);
  const model = fleet.model("a");
  const pid = await answerOf(fleet, "a");
  assert.equal(reserved("a-0"), 512);
  await until(() => model?.isBusy === false);
  await fleet.sleepIdle();
  assert.deepEqual(
    [model?.state, model?.instances[0]?.state, model?.instances[0]?.reason],
    ["asleep", "asleep", "it was idle; its processes stay"],
  );
  assert.ok(reserved("a-0") < 512 && reserved("a-0") > 1, `${reserved("a-0")} MiB`);
  assert.equal(await answerOf(fleet, "a"), pid);
  assert.equal(reserved("a-0"), 512);
  assert.equal(events.filter(({ state }) => state === "starting").length, 2);
});

test("it makes room by sleep where that is enough, wakes when the other has given way, and is ended where it is not", {
  skip,
}, async () => {
  const two: ScriptedModel[] = [
    { name: "a", script: "sleeper" },
    { name: "b", script: "sleeper", min: 0 },
  ];
  const { fleet, ledger, reserved } = await started(two, 800);
  const pid = await answerOf(fleet, "a");
  const other = await answerOf(fleet, "b");
  assert.equal(fleet.model("a")?.instances[0]?.state, "asleep");
  assert.equal(await answerOf(fleet, "a"), pid);
  assert.equal(await answerOf(fleet, "b"), other);
  assert.ok(ledger.device("cpu").availableBytes >= 0);
  const narrow = await started([two[0] ?? { name: "" }, { name: "b", min: 0 }], 514);
  await answerOf(narrow.fleet, "b");
  assert.deepEqual(narrow.fleet.model("a")?.instances, []);
  assert.deepEqual([narrow.reserved("b-0"), reserved("b-0")], [512, 512]);
});

test("one that ends while it sleeps is not started again before a request needs it", { skip }, async () => {
  const { fleet, reserved, events } = await started([{ name: "a", script: "sleeper" }], 4096);
  const model = fleet.model("a");
  const pid = await answerOf(fleet, "a");
  await model?.sleepAll("it was put to sleep");
  process.kill(Number(pid), "SIGKILL");
  await until(() => model?.instances[0]?.state === "stopped");
  assert.equal(reserved("a-0"), 0);
  assert.equal(events.at(-1)?.reason, "it ended while it slept");
  assert.notEqual(await answerOf(fleet, "a"), pid);
});
