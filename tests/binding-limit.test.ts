/** A load for each name of the binding limit, over the real scheduler, block manager and router: each gets its own name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { LimitName, Snapshot } from "../src/api/admin/observatory/index.ts";
import {
  collect,
  promptOf,
  requestFor,
  type Scripted,
  scriptedEngine,
} from "../src/engine/testing/scripted-engine.ts";
import { FleetEndpoint } from "../src/fleet/router/fleet-endpoint.ts";
import { Router } from "../src/fleet/router/router.ts";
import { scriptedEndpoint } from "../src/fleet/testing/scripted-endpoint.ts";
import { ServedModels } from "../src/server/models/served-models.ts";
import { Observatory } from "../src/server/observatory/observatory.ts";

type Engine = Scripted["engine"];
type Options = Parameters<typeof scriptedEngine>;

/** Runs a load and says what bound it. Time is the model's own: every step takes what `stepMs` says. */
async function boundBy(
  limits: Options[0],
  options: NonNullable<Options[1]>,
  load: (engine: Engine, model: Scripted["model"]) => Promise<unknown>,
): Promise<Snapshot["bindingLimit"]> {
  const { engine, model } = scriptedEngine(limits, options);
  const servedModels = new ServedModels();
  servedModels.add({ names: ["m"], acceptsAnyName: false, fingerprint: "" }, null).attach(engine);
  const observatory = new Observatory({
    servedModels,
    version: "1",
    devices: () => [],
    log: { level: "info" },
    clock: () => model.nowMs,
  });
  observatory.sample();
  await load(engine, model);
  model.nowMs += 0.001;
  return (await observatory.snapshot("")).bindingLimit;
}

const together = (engine: Engine, prompts: readonly number[][], maxTokens: number): Promise<unknown> =>
  Promise.all(prompts.map((prompt) => collect(engine, requestFor(prompt, { maxTokens }))));

const prompts = (count: number, numTokens: number): number[][] =>
  Array.from({ length: count }, (_, i) => promptOf(numTokens, i));

const perToken = (ms: number) => (inputs: { readonly numTokens: number }) => 0.5 + ms * inputs.numTokens;

const loads: Readonly<
  Record<Exclude<LimitName, "unknown" | "router_queue">, () => ReturnType<typeof boundBy>>
> = {
  kv_blocks: () =>
    boundBy({ numBlocks: 16 }, { expectedOutputTokens: 8 }, (engine) =>
      together(engine, prompts(12, 20), 60),
    ),
  seats: () => boundBy({ maxNumSeqs: 2 }, {}, (engine) => together(engine, prompts(24, 8), 30)),
  step_tokens: () =>
    boundBy({ maxNumBatchedTokens: 16, maxNumSeqs: 8 }, { stepMs: perToken(1) }, (engine) =>
      together(engine, prompts(8, 200), 1),
    ),
  step_time: () =>
    boundBy({}, { maxStepMs: 20, stepMs: perToken(1) }, async (engine) => {
      const decoding = together(engine, prompts(2, 4), 200);
      for (let i = 0; i < 12; i++) await collect(engine, requestFor(promptOf(200, 50 + i), { maxTokens: 1 }));
      await decoding;
    }),
  prefix_wait: () =>
    boundBy({ maxNumBatchedTokens: 256, numBlocks: 256 }, { stepMs: perToken(2) }, async (engine) => {
      for (let wave = 0; wave < 8; wave++) {
        const shared = promptOf(224, wave);
        await together(
          engine,
          Array.from({ length: 6 }, (_, i) => [...shared, i]),
          1,
        );
      }
    }),
  compute: () =>
    boundBy({}, { stepMs: perToken(4), maxStepMs: 10_000 }, async (engine) => {
      for (let i = 0; i < 6; i++) await together(engine, prompts(6, 8 + i), 20);
    }),
  memory_bandwidth: () =>
    boundBy({}, { stepMs: () => 25, maxStepMs: 10_000 }, async (engine) => {
      for (let i = 0; i < 6; i++) await together(engine, prompts(1 + i, 8 + i), 20);
    }),
  clients: () =>
    boundBy({}, { stepMs: perToken(1) }, async (engine, model) => {
      for (let i = 0; i < 10; i++) {
        await together(engine, prompts(1, 8), 8);
        model.nowMs += 1000;
      }
    }),
  idle: () =>
    boundBy({}, {}, async (_engine, model) => {
      model.nowMs += 50_000;
    }),
};

for (const [name, load] of Object.entries(loads))
  test(`a load that ${name} binds is said to be bound by it`, async () => {
    const { limit, shares, relief } = await load();
    assert.equal(limit, name, JSON.stringify(shares));
    assert.ok(Math.abs(shares.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
    assert.equal(relief !== null, ["kv_blocks", "seats", "step_tokens", "step_time"].includes(name));
  });

test("readers that do not keep up are clients, too", async () => {
  const { limit } = await boundBy({}, { unreadCapacityBytes: 20_000 }, async (engine) => {
    const stalled = engine.generate(requestFor(promptOf(4), { maxTokens: 80 }), new AbortController().signal);
    // Reads the first event and no other.
    await stalled.next();
    await collect(engine, requestFor(promptOf(5), { maxTokens: 250 }));
    await stalled.return(undefined);
  });
  assert.equal(limit, "clients");
});

test("requests that wait at the router are its own", async (context) => {
  let nowMs = 0;
  const open: (() => void)[] = [];
  const router = new Router("m", {
    queue: { mostWaiting: 10 },
    queueDeadlineMs: 60_000,
    lookahead: 0,
    mostSilenceMs: 60_000,
    waitsForInstance: false,
    clock: () => nowMs,
  });
  const instance = await scriptedEndpoint(
    "m-0",
    (_request, answer) => void open.push(() => answer.end("{}")),
    { seats: 1 },
  );
  context.after(() => instance.close());
  router.add(instance);
  const servedModels = new ServedModels();
  const model = { modelId: "m", maxModelLen: null, createdUnixSeconds: 0 };
  servedModels
    .add({ names: ["m"], acceptsAnyName: false, fingerprint: "" }, null)
    .attachEndpoint(new FleetEndpoint(router, model));
  const fleetModel = {
    name: "m",
    aliases: [],
    engine: "pagoda",
    state: "ready",
    failure: null,
    replicas: { min: 1, max: 1 },
    pinned: false,
    numWaiting: 0,
    idleMs: 0,
  };
  const view = {
    schema: "pagoda.fleet/2",
    name: "m",
    models: [fleetModel],
    instances: [],
    devices: [],
    events: [],
  } as const;
  const observatory = new Observatory({
    servedModels,
    version: "1",
    devices: () => [],
    log: { level: "info" },
    clock: () => nowMs,
    fleet: { view: () => view, endpoints: () => new Map(), router, control: null },
  });
  observatory.sample();
  const asked = [1, 2].map(() =>
    router.route(
      {
        method: "POST",
        path: "/v1/completions",
        headers: {},
        body: new TextEncoder().encode('{"prompt":"a"}'),
      },
      "",
      new AbortController().signal,
    ),
  );
  while (open.length === 0) await turn();
  nowMs = 10_000;
  assert.equal((await observatory.snapshot("")).bindingLimit.limit, "router_queue");
  for (let answered = 0; answered < 2; answered++) {
    while (open.length === 0) await turn();
    open.shift()?.();
    for await (const _ of (await asked[answered])?.body ?? []);
  }
  nowMs = 60_000;
  const { shares } = (await observatory.snapshot("")).bindingLimit;
  assert.ok((shares.find(({ limit }) => limit === "router_queue")?.share ?? 0) < 0.2, JSON.stringify(shares));
});
