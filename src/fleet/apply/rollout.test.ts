/** Instances replaced under requests that never stop: with room for both, without, and by a plan that does not start. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { answerOf, scriptedFleet, scriptedModel } from "../testing/scripted-fleet.ts";
import { rollOut } from "./rollout.ts";
import { scaleTo } from "./scaling.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((fleet) => fleet.close()));
});

/** Requests one after another, four at a time, until `work` is done; rejects if any of them fails. */
async function underLoad<Result>(
  scripted: ReturnType<typeof scriptedFleet>,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly numAnswers: number }> {
  let isDone = false;
  let numAnswers = 0;
  const clients = Array.from({ length: 4 }, async () => {
    while (!isDone) {
      assert.match(await answerOf(scripted.fleet, "m"), /^\d+$/);
      numAnswers += 1;
    }
  });
  const result = await work().finally(() => {
    isDone = true;
  });
  await Promise.all(clients);
  return { result, numAnswers };
}

async function started(min: number, deviceMib: number) {
  const scripted = scriptedFleet([{ name: "m", min }], deviceMib);
  open.push(scripted);
  await scripted.fleet.start();
  const model = scripted.fleet.model("m");
  assert.ok(model !== undefined);
  return { ...scripted, scripted, model };
}

for (const [title, deviceMib, order] of [
  ["where memory allows the new one is ready before the old one is drained", 2000, ["ready", "draining"]],
  ["without room for both the old one is drained first, and requests wait", 1100, ["draining", "ready"]],
] as const)
  test(`a roll: ${title}; no request fails`, { skip }, async () => {
    const { scripted, model, events, ledger } = await started(2, deviceMib);
    const before = model.instances.map(({ pid }) => pid);
    events.length = 0;
    const next = scriptedModel({ name: "m", min: 2, script: "plain-2" });
    const { numAnswers } = await underLoad(scripted, () => rollOut(model, next));
    assert.ok(numAnswers > 0);
    const seen = events
      .map(({ state }) => state)
      .filter((state) => state === "ready" || state === "draining");
    assert.deepEqual(seen, [...order, ...order]);
    assert.equal(model.router.numReady, 2);
    assert.ok(model.instances.every((one) => model.isStartedAsPlanned(one) && !before.includes(one.pid)));
    assert.equal(ledger.device("cpu").entries.length, 2);
  });

test("a roll whose new instance does not start is taken back, with the reason; no request fails", {
  skip,
}, async () => {
  for (const deviceMib of [2000, 1100]) {
    const { scripted, model, running } = await started(2, deviceMib);
    const next = scriptedModel({ name: "m", min: 2, script: "refuse" });
    const { result } = await underLoad(scripted, () =>
      rollOut(model, next).then(
        () => "done",
        (error: Error) => error.message,
      ),
    );
    assert.equal(
      result,
      "The roll of m was taken back: m-2 is failed, because it does not fit.".replace(
        "m-2",
        deviceMib === 2000 ? "m-2" : "m-0",
      ),
    );
    assert.equal(model.router.numReady, 2);
    assert.equal(running().length, 2);
    assert.ok(model.instances.every((one) => model.isStartedAsPlanned(one)));
  }
});

test("more and fewer instances under load", { skip }, async () => {
  const { scripted, model, ledger } = await started(1, 2000);
  await underLoad(scripted, async () => {
    await scaleTo(model, 3, "");
    assert.equal(model.router.numReady, 3);
    await assert.rejects(scaleTo(model, 4, ""), /m-3 needs 512\.0 MiB of cpu, which has 464\.0 MiB to give/);
    await scaleTo(model, 1, "fewer");
  });
  assert.equal(ledger.device("cpu").entries.length, 1);
});
