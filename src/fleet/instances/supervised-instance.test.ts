/** Real processes: started in turn, killed, started again, and none left over. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { mib } from "../../core/byte-size.ts";
import { processesWith } from "../../process/process-identity.ts";
import { freePort } from "../../process/server-process.ts";
import { Fleet } from "../fleet.ts";
import { Ledger } from "../ledger/ledger.ts";
import { Router } from "../router/router.ts";
import { scriptedDriver } from "../testing/scripted-driver.ts";
import { tagVariable } from "./instance-process.ts";
import { StartLock } from "./start-lock.ts";
import { type InstanceEvent, SupervisedInstance } from "./supervised-instance.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const folders: string[] = [];
const fleets: Fleet[] = [];

afterEach(async () => {
  await Promise.all(fleets.splice(0).map((fleet) => fleet.kill()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

let numFleets = 0;

/** A fleet of instances of this script on one device. */
function fleetOf(numInstances: number, script: Parameters<typeof scriptedDriver>[0], deviceMib = 4096) {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-fleet-"));
  folders.push(folder);
  numFleets += 1;
  const fleetTag = `test-${process.pid}-${numFleets}`;
  const ledger = new Ledger([{ deviceId: "cpu", totalBytes: deviceMib * mib, marginBytes: 0 }]);
  const router = new Router("m");
  const events: InstanceEvent[] = [];
  const startLock = new StartLock();
  const instances = Array.from({ length: numInstances }, (_, index) => {
    return new SupervisedInstance({
      instanceId: `m-${index}`,
      demands: [{ deviceId: "cpu", plannedBytes: 512 * mib }],
      driver: scriptedDriver(script),
      ledger,
      startLock,
      router,
      freePort,
      logPath: join(folder, `m-${index}.log`),
      fleetTag,
      readyWithinMs: 60_000,
      graceMs: 5000,
      clock: () => performance.now(),
      random: () => 0,
      onEvent: (event) => events.push(event),
    });
  });
  const fleet = new Fleet(router, instances, ledger);
  fleets.push(fleet);
  const running = () =>
    instances.flatMap((_, i) =>
      [1, 2, 3, 4].flatMap((g) => processesWith(tagVariable, `${fleetTag}/m-${i}/${g}`)),
    );
  return { fleet, ledger, router, events, running };
}

async function answerOf(router: Router, path = "/x"): Promise<string> {
  const asked = { method: "POST", path, headers: {}, body: Buffer.from("{}") };
  const answer = await router.route(asked, "", new AbortController().signal);
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((wake) => setTimeout(wake, 10));
};

test("instances start one after another, serve, hold bytes, and leave nothing behind", { skip }, async () => {
  const { fleet, ledger, router, events, running } = fleetOf(3, "slow");
  await fleet.start();
  assert.equal(fleet.numReady, 3);
  const order = events
    .filter(({ state }) => state === "starting" || state === "ready")
    .map(({ state }) => state);
  assert.deepEqual(order, ["starting", "ready", "starting", "ready", "starting", "ready"]);
  const pids = new Set(await Promise.all(Array.from({ length: 9 }, () => answerOf(router))));
  assert.equal(pids.size, 3);
  const device = ledger.device("cpu");
  assert.equal(device.reservedBytes, 3 * 512 * mib);
  assert.ok(device.entries.every(({ heldBytes }) => heldBytes !== null && heldBytes > mib));
  assert.equal(running().length, 3);
  await fleet.stop();
  assert.deepEqual(running(), []);
  assert.equal(ledger.device("cpu").reservedBytes, 0);
  assert.deepEqual(
    fleet.view().instances.map(({ state }) => state),
    ["stopped", "stopped", "stopped"],
  );
});

test("one that is killed is started again, keeps its bytes reserved, and the others go on", {
  skip,
}, async () => {
  const { fleet, ledger, router, events } = fleetOf(2, "plain");
  await fleet.start();
  const victim = fleet.view().instances[0]?.pid ?? 0;
  process.kill(victim, "SIGKILL");
  await until(() => events.some(({ state }) => state === "pausing"));
  assert.equal(ledger.device("cpu").reservedBytes, 2 * 512 * mib);
  assert.match(await answerOf(router), /^\d+$/);
  await until(() => fleet.numReady === 2);
  assert.notEqual(fleet.view().instances[0]?.pid, victim);
});

test("what cannot start is tried once, says why, and gives its bytes back", { skip }, async () => {
  const { fleet, ledger, events } = fleetOf(1, "refuse");
  await fleet.start();
  assert.deepEqual(events.at(-1), { instanceId: "m-0", state: "failed", reason: "it does not fit" });
  assert.equal(events.filter(({ state }) => state === "starting").length, 1);
  assert.equal(ledger.device("cpu").reservedBytes, 0);
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
