/** Engines on a card that is simulated: copies beside one another, others that come and go, and memory that comes back late. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { gib } from "../src/core/byte-size.ts";
import { until } from "../src/fleet/testing/scripted-fleet.ts";
import { turbomindBlocks } from "./simulated-card/lmdeploy-rules.ts";
import { llama8b, type SimulatedSpec, simulatedFleet } from "./simulated-card/simulated-fleet.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((fleet) => fleet.close()));
});

async function fleetOf(specs: readonly SimulatedSpec[]) {
  const simulated = await simulatedFleet(specs);
  open.push(simulated);
  return simulated;
}

const vllm = (name: string, share: number, more: Partial<SimulatedSpec> = {}): SimulatedSpec => ({
  name,
  engine: "vllm",
  version: "0.32.0",
  memory: { kind: "share", share },
  flags: { "max-model-len": "8192" },
  ...more,
});
const lmdeploy = (name: string, share: number, more: Partial<SimulatedSpec> = {}): SimulatedSpec => ({
  name,
  engine: "lmdeploy",
  version: "0.15.0",
  memory: { kind: "share", share },
  flags: { backend: "turbomind", "session-len": "8192", "log-level": "INFO" },
  ...more,
});

type Simulated = Awaited<ReturnType<typeof fleetOf>>;

/** Tokens of the pool that each instance says it has. */
function vllmTokens({ logOf }: Simulated, instanceId: string): number {
  const [, tokens = ""] =
    /GPU KV cache size: ([\d,]+) tokens/.exec(readFileSync(logOf(instanceId), "utf8")) ?? [];
  return Number(tokens.replaceAll(",", ""));
}

function lmdeployBlocks({ logOf }: Simulated, instanceId: string): number {
  const [, region = ""] =
    /Object cache budget: ([\d.]+) MB/.exec(readFileSync(logOf(instanceId), "utf8")) ?? [];
  return turbomindBlocks(Number(region) * 2 ** 20, llama8b.kvBytesPerToken * 64);
}

test("copies that start beside one another get the same KV, and so does one that is started again", {
  skip,
}, async () => {
  for (const [spec, kvOf] of [
    [vllm, vllmTokens],
    [lmdeploy, lmdeployBlocks],
  ] as const) {
    const simulated = await fleetOf([spec("a", 0.31, { replicas: { min: 3, max: 3 } })]);
    const { fleet, card, events } = simulated;
    await fleet.start();
    const ids = ["a-0", "a-1", "a-2"];
    assert.equal(fleet.numReady, 3, JSON.stringify(events.at(-1)));
    const kv = ids.map((id) => kvOf(simulated, id));
    assert.ok((kv[0] ?? 0) > 0);
    assert.deepEqual(kv, [kv[0], kv[0], kv[0]]);
    process.kill(fleet.model("a")?.instances[1]?.pid ?? 0, "SIGKILL");
    await until(
      () => events.filter(({ instanceId, state }) => instanceId === "a-1" && state === "ready").length === 2,
    );
    assert.equal(kvOf(simulated, "a-1"), kv[0]);
    assert.ok(card.usedBytes <= card.totalBytes);
  }
});

test("a vLLM, an LMDeploy and somebody else's program on one card: what each holds is known, nothing is promised twice", {
  skip,
}, async () => {
  const simulated = await fleetOf([
    vllm("v", 0.4),
    lmdeploy("l", 0.35),
    vllm("late", 0.3, { replicas: { min: 0, max: 1 } }),
  ]);
  const { fleet, card, ledger, measure } = simulated;
  const leave = card.foreign(4_000_001, "notebook", 6 * gib);
  measure();
  await fleet.start();
  measure();
  const { entries, foreign, availableBytes } = ledger.device("gpu0");
  for (const { instanceId, heldBytes, reservedBytes } of entries) {
    const pid = fleet.models
      .flatMap(({ instances }) => instances)
      .find((one) => one.instanceId === instanceId)?.pid;
    assert.equal(heldBytes, card.holders.find((holder) => holder.pid === pid)?.heldBytes);
    assert.ok((heldBytes ?? 0) <= reservedBytes, `${instanceId}: ${heldBytes} of ${reservedBytes}`);
  }
  assert.deepEqual(foreign, [{ pid: 4_000_001, name: "notebook", heldBytes: 6 * gib }]);
  assert.ok(availableBytes >= 0);
  assert.throws(
    () => fleet.model("late")?.startOne(),
    /late-0 needs [\d.]+ GiB of gpu0, which has .*notebook \(pid 4000001\) 6\.00 GiB/,
  );
  leave();
  measure();
  assert.equal(ledger.device("gpu0").foreignBytes, 0);
});

test("memory that comes back late is waited for, and the pool is the same as before", { skip }, async () => {
  const simulated = await fleetOf([vllm("v", 0.9)]);
  const { fleet, card, events } = simulated;
  await fleet.start();
  const tokens = vllmTokens(simulated, "v-0");
  events.length = 0;
  card.isLate = true;
  process.kill(fleet.model("v")?.instances[0]?.pid ?? 0, "SIGKILL");
  const refused = (): boolean =>
    events.some(
      ({ state, reason }) => state === "pausing" && reason.includes("Free memory on device cuda:0"),
    );
  await until(refused);
  card.giveBack();
  await until(() => events.some(({ state }) => state === "ready" || state === "failed"));
  assert.equal(events.at(-1)?.state, "ready");
  assert.equal(vllmTokens(simulated, "v-0"), tokens);
});

test("a program that ends while a vLLM measures: the start fails as the real one does, and is tried again", {
  skip,
}, async () => {
  const simulated = await fleetOf([vllm("v", 0.4)]);
  const { fleet, card, events } = simulated;
  const leave = card.foreign(4_000_001, "notebook", 30 * gib);
  card.isHeld = true;
  const starting = fleet.start();
  await until(() => card.taken.some(({ bytes }) => bytes > llama8b.weightsBytes));
  leave();
  card.isHeld = false;
  await starting;
  assert.deepEqual(
    events.map(({ state }) => state),
    ["waiting", "starting", "pausing", "waiting", "starting", "ready"],
  );
  assert.match(events[2]?.reason ?? "", /Another process freed memory while this one was measuring/);
});
