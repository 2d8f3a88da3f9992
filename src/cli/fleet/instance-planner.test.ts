import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gib, mib } from "../../core/byte-size.ts";
import type { FleetDevice, ModelSpec } from "../../fleet/index.ts";
import { tinyModel } from "../testing/pagoda-process.ts";
import { instancePlanner } from "./instance-planner.ts";

const state = mkdtempSync(join(tmpdir(), "pagoda-planner-"));
process.env.XDG_STATE_HOME = state;
after(() => rmSync(state, { recursive: true, force: true }));

const planner = instancePlanner({
  ownProgram: ["node", "pagoda.js"],
  environment: { XDG_STATE_HOME: state },
  numSharing: 1,
  drainMs: 1000,
  routerKey: "secret",
});

const cpu: FleetDevice = {
  deviceId: "cpu",
  kind: "cpu",
  runs: "processors",
  driverId: null,
  totalBytes: 16 * gib,
  marginBytes: 0,
  usedBytes: 0,
  processes: null,
};
const card: FleetDevice = {
  ...cpu,
  deviceId: "gpu0",
  kind: "H100",
  runs: "cards",
  driverId: "GPU-1",
  totalBytes: 80 * gib,
};

const spec = (more: Partial<ModelSpec>): ModelSpec => ({
  name: "m",
  aliases: [],
  model: tinyModel,
  engine: "pagoda",
  version: null,
  replicas: { min: 1, max: 1 },
  program: null,
  tensorParallel: 1,
  memory: null,
  flags: {},
  environment: {},
  devices: [],
  ttlMs: null,
  priority: 0,
  pinned: false,
  restart: "always",
  ...more,
});

test("our own engine is started with the size it was planned with, and answers its router alone", async () => {
  const plan = await planner.plan(spec({ aliases: ["n"], memory: { kind: "share", share: 0.03125 } }), [cpu]);
  assert.equal(plan.rankBytes, 512 * mib);
  const { command, args, environment } = plan.driver([cpu]).command(1234);
  assert.equal(command, "node");
  const text = args.join(" ");
  assert.match(text, /^pagoda\.js serve \S+ --threads \d+ --memory 512MiB --served-model-name m n /);
  assert.match(text, /--host 127\.0\.0\.1 --port 1234$/);
  assert.equal(environment.PAGODA_ROUTER_KEY, "secret");
});

test("without a stated size the instance still has one, so that every start is alike", async () => {
  const plan = await planner.plan(spec({}), [cpu]);
  const { args } = plan.driver([cpu]).command(1);
  assert.match(args.join(" "), /--memory \d+/);
});

test("the hash of a start follows the file, not the machine's state or settings that need no restart", async () => {
  const hash = async (more: Partial<ModelSpec>): Promise<string> =>
    (await planner.plan(spec({ memory: { kind: "bytes", bytes: 400 * mib }, ...more }), [cpu])).startHash;
  const plain = await hash({});
  assert.equal(await hash({ pinned: true, ttlMs: 5, replicas: { min: 3, max: 3 } }), plain);
  assert.notEqual(await hash({ flags: { threads: "1" } }), plain);
  assert.notEqual(await hash({ environment: { A: "1" } }), plain);
  const [first, second] = [await planner.plan(spec({}), [cpu]), await planner.plan(spec({}), [cpu])];
  assert.equal(first.startHash, second.startHash);
});

test("bytes on a card become the largest share that holds no more; a log makes the next plan a measured one", async () => {
  const model = spec({
    model: "meta-llama/Llama-3.1-8B-Instruct",
    engine: "vllm",
    version: "0.19.0",
    memory: { kind: "bytes", bytes: 60 * gib },
  });
  const plan = await planner.plan(model, [cpu, card]);
  assert.ok(plan.rankBytes <= 60 * gib && plan.rankBytes > 58 * gib, `${plan.rankBytes} bytes`);
  assert.equal(plan.runs, "cards");
  assert.equal(plan.driver([card]).command(1).environment.CUDA_VISIBLE_DEVICES, "GPU-1");
  const unstated = spec({ ...model, memory: null });
  const evidence = async (): Promise<string | undefined> => {
    const { plan: answer } = await planner.plan(unstated, [cpu, card]);
    return answer?.components.find(({ name }) => name === "activations")?.quantity.evidence.kind;
  };
  assert.equal(await evidence(), "estimated");
  const log = join(import.meta.dirname, "../../../tests/fixtures/planner/logs/vllm-0.19.0-llama-8b-h100.txt");
  (await planner.plan(unstated, [cpu, card])).learn(readFileSync(log, "utf8"));
  assert.equal(await evidence(), "measured");
});

test("what cannot be planned is refused by name", async () => {
  const refused: readonly (readonly [Partial<ModelSpec>, RegExp])[] = [
    [{ engine: "vlm" }, /The fleet does not run the engine 'vlm'/],
    [{ tensorParallel: 8 }, /8 ranks cannot divide the model/],
    [{ flags: { port: "1" } }, /The fleet sets --port of its instances itself/],
    [{ flags: { "max-model-length": "1" } }, /Pagoda has no flag --max-model-length/],
    [{ engine: "vllm" }, /The memory of vllm cannot be planned here, so m must state it/],
    [{ memory: { kind: "bytes", bytes: 3 * mib } }, /The instance needs [\d.]+ MiB/],
  ];
  for (const [more, expected] of refused) await assert.rejects(planner.plan(spec(more), [cpu]), expected);
});
