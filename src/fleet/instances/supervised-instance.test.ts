/** Real processes: started in turn, killed, started again, and none left over. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { mib } from "../../core/byte-size.ts";
import { answerOf, scriptedFleet, until } from "../testing/scripted-fleet.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((fleet) => fleet.close()));
});

/** A fleet of instances of this script on one device. */
function fleetOf(
  min: number,
  script: "plain" | "refuse" | "slow" | "child" | "hang",
  deviceMib = 4096,
  stuckMs = 60_000,
) {
  const scripted = scriptedFleet([{ name: "m", min, script }], deviceMib, { stuckMs });
  open.push(scripted);
  return scripted;
}

test("instances start one after another, serve, hold bytes, and leave nothing behind", { skip }, async () => {
  const { fleet, ledger, events, running } = fleetOf(3, "slow");
  await fleet.start();
  assert.equal(fleet.numReady, 3);
  const order = events
    .filter(({ state }) => state === "starting" || state === "ready")
    .map(({ state }) => state);
  assert.deepEqual(order, ["starting", "ready", "starting", "ready", "starting", "ready"]);
  const pids = new Set(await Promise.all(Array.from({ length: 9 }, () => answerOf(fleet, "m"))));
  assert.equal(pids.size, 3);
  const device = ledger.device("cpu");
  assert.equal(device.reservedBytes, 3 * 512 * mib);
  assert.ok(device.entries.every(({ heldBytes }) => heldBytes !== null && heldBytes > mib));
  assert.equal(running().length, 3);
  await fleet.stop();
  assert.deepEqual(running(), []);
  assert.equal(ledger.device("cpu").reservedBytes, 0);
  assert.deepEqual(fleet.view().instances, []);
  assert.equal(events.filter(({ state }) => state === "stopped").length, 3);
});

test("one that is killed is started again, keeps its bytes reserved, and the others go on", {
  skip,
}, async () => {
  const { fleet, ledger, events } = fleetOf(2, "plain");
  await fleet.start();
  const victim = fleet.view().instances[0]?.pid ?? 0;
  process.kill(victim, "SIGKILL");
  await until(() => events.some(({ state }) => state === "pausing"));
  assert.equal(ledger.device("cpu").reservedBytes, 2 * 512 * mib);
  assert.match(await answerOf(fleet, "m"), /^\d+$/);
  await until(() => fleet.numReady === 2);
  assert.notEqual(fleet.view().instances[0]?.pid, victim);
});

test("what cannot start is tried once, says why, and gives its bytes back", { skip }, async () => {
  const { fleet, ledger, events } = fleetOf(1, "refuse");
  await fleet.start();
  assert.deepEqual(events.at(-1), { instanceId: "m-0", state: "failed", reason: "it does not fit" });
  assert.equal(events.filter(({ state }) => state === "starting").length, 1);
  assert.equal(ledger.device("cpu").reservedBytes, 0);
  // A request is told at once, and does not wait for what will not come.
  await assert.rejects(answerOf(fleet, "m"), /m could not be started: it does not fit/);
});

test("what does not fit beside the others is not started", { skip }, async () => {
  const { fleet, events } = fleetOf(3, "plain", 1200);
  await fleet.start();
  assert.equal(fleet.numReady, 2);
  const failed = events.find(({ state }) => state === "failed");
  assert.match(failed?.reason ?? "", /needs 512\.0 MiB of cpu, which has 176\.0 MiB to give/);
});

test("a process that the instance started in a session of its own ends with it", { skip }, async () => {
  const { fleet, running } = fleetOf(1, "child");
  await fleet.start();
  await until(() => running().length === 2);
  process.kill(fleet.view().instances[0]?.pid ?? 0, "SIGKILL");
  await until(() => fleet.view().instances[0]?.state !== "ready");
  await fleet.stop();
  assert.deepEqual(running(), []);
});

test("one that runs and does not answer any more is stuck: it is ended and started again", {
  skip,
}, async () => {
  const { fleet, events } = fleetOf(1, "hang", 4096, 400);
  await fleet.start();
  const before = fleet.view().instances[0]?.pid;
  const lost = answerOf(fleet, "m", "/hang");
  await assert.rejects(lost);
  await until(() => fleet.numReady === 1 && fleet.view().instances[0]?.pid !== before);
  assert.ok(events.some(({ reason }) => /It was ended because it has not answered for/.test(reason)));
});
