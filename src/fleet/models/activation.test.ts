/** More models than memory, with real processes: one start for all who wait, idle ones give way, busy and pinned ones do not. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { answerOf, type ScriptedModel, scriptedFleet, until } from "../testing/scripted-fleet.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((fleet) => fleet.close()));
});

function fleetOf(models: readonly ScriptedModel[], deviceMib: number) {
  const scripted = scriptedFleet(models, deviceMib);
  open.push(scripted);
  return scripted;
}

const states = ({ fleet }: ReturnType<typeof scriptedFleet>): Record<string, string> =>
  Object.fromEntries(fleet.view().models.map(({ name, state }) => [name, state]));

test("ten requests at once start one instance, and all are answered", { skip }, async () => {
  const scripted = fleetOf([{ name: "a", min: 0, script: "slow" }], 4096);
  await scripted.fleet.start();
  assert.deepEqual(states(scripted), { a: "asleep" });
  const pids = await Promise.all(Array.from({ length: 10 }, () => answerOf(scripted.fleet, "a")));
  assert.equal(new Set(pids).size, 1);
  assert.equal(scripted.events.filter(({ state }) => state === "starting").length, 1);
});

test("three models on room for two: requests at random, none fails, and the ledger never promises a byte twice", {
  skip,
}, async () => {
  const names = ["a", "b", "c"];
  const scripted = fleetOf(
    names.map((name) => ({ name, min: 0 })),
    1100,
  );
  const { fleet, ledger, events } = scripted;
  await fleet.start();
  let seed = 7;
  const next = (): string => {
    seed = (seed * 48_271) % 2_147_483_647;
    return names[seed % 3] ?? "a";
  };
  for (let round = 0; round < 4; round += 1) {
    const answers = await Promise.all(Array.from({ length: 6 }, () => answerOf(fleet, next())));
    assert.ok(answers.every((answer) => /^\d+$/.test(answer)));
    const { availableBytes } = ledger.device("cpu");
    assert.ok(availableBytes >= 0, `${availableBytes} bytes are left`);
  }
  assert.ok(events.some(({ reason }) => /^it gave way to [abc]$/.test(reason)));
});

test("a pinned model never gives way: the request waits, and fails with what holds the memory", {
  skip,
}, async () => {
  const scripted = fleetOf(
    [
      { name: "pinned", pinned: true },
      { name: "lazy", min: 0 },
    ],
    600,
  );
  await scripted.fleet.start();
  const signal = AbortSignal.timeout(500);
  const model = scripted.fleet.model("lazy");
  assert.ok(model !== undefined);
  const asked = { method: "POST", path: "/x", headers: {}, body: Buffer.from("{}") };
  await assert.rejects(scripted.fleet.endpointOf(model).forward(asked, signal));
  assert.deepEqual(states(scripted), { pinned: "ready", lazy: "asleep" });
});

test("a fleet that ends starts nothing more, also for a request that waits for the room that its end frees", {
  skip,
}, async () => {
  const scripted = fleetOf(
    [
      { name: "pinned", pinned: true },
      { name: "lazy", min: 0 },
    ],
    600,
  );
  const { fleet, events } = scripted;
  await fleet.start();
  const refused = assert.rejects(answerOf(fleet, "lazy"), /^PagodaError: The fleet is stopping/);
  await until(() => fleet.model("lazy")?.isBusy === true);
  await fleet.kill();
  await refused;
  assert.ok(events.every(({ instanceId }) => instanceId === "pinned-0"));
});

test("a model that nobody uses gives its memory back, and the next request starts it again", {
  skip,
}, async () => {
  const scripted = fleetOf([{ name: "a", ttlMs: 50 }], 4096);
  const { fleet, ledger } = scripted;
  await fleet.start();
  const before = await answerOf(fleet, "a");
  await new Promise((wake) => setTimeout(wake, 60));
  await fleet.sleepIdle();
  assert.deepEqual([states(scripted), ledger.device("cpu").reservedBytes], [{ a: "asleep" }, 0]);
  assert.notEqual(await answerOf(fleet, "a"), before);
});

test("a streaming client is told by comments that its request waits for a start", { skip }, async () => {
  const scripted = fleetOf([{ name: "a", min: 0, script: "slower" }], 4096);
  const text = await answerOf(scripted.fleet, "a", "/stream", '{"stream": true}');
  assert.match(text, /^: waiting for a, which is starting\n\n(: .*\n\n)*data: \d+\n\ndata: \[DONE\]\n\n$/);
  await until(() => scripted.fleet.models.every(({ isBusy }) => !isBusy));
});
