/** The drivers over what real engines said: their logs, metrics and answers as `npm run e2e:engines` recorded them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineStart } from "./contract/engine-start.ts";
import { driverOf } from "./drivers.ts";
import { bodyText, recorded, recordedExchanges, replay } from "./testing/recorded-engine.ts";

const start = (words: string): EngineStart => ({
  words: words.split(" "),
  servedName: "smol",
  maxModelLen: 2048,
  seats: 8,
  version: null,
  deviceIds: [],
  drainMs: 1000,
  environment: {},
  explainWith: null,
});
const soon = (): AbortSignal => AbortSignal.timeout(10_000);
const drivers = {
  vllm: driverOf("vllm", start("vllm serve M")),
  "llama-server": driverOf("llama-server", start("llama-server -m F")),
} as const;
const engines = Object.keys(drivers) as (keyof typeof drivers)[];

test("the phases of a start follow its lines", () => {
  const expected = {
    vllm: ["starting", "loading", "warming up", "listening"],
    "llama-server": ["starting", "loading", "warming up", "listening"],
  };
  for (const engine of engines) {
    const lines = recorded(engine, "start.txt").split("\n");
    const phases = lines.map((_, index) => drivers[engine].phase(lines.slice(0, index).join("\n")).name);
    assert.deepEqual([...new Set(phases)], expected[engine], engine);
  }
});

test("vLLM's pool is read from its metrics, and the sizes of llama-server from its log", async (t) => {
  const vllm = await replay("vllm");
  const properties = JSON.stringify({ total_slots: 4, default_generation_settings: { n_ctx: 2048 } });
  const llama = await replay("llama-server", { "/props": properties });
  t.after(() => [vllm, llama].map(({ server }) => server.close()));
  const logs = { vllm: recorded("vllm", "start.txt"), llama: recorded("llama-server", "start.txt") };
  assert.deepEqual(await drivers.vllm.size(vllm.port, logs.vllm, soon()), { seats: 8, poolTokens: 11648 });
  const memory = await drivers.vllm.memory(vllm.port, logs.vllm, soon());
  assert.deepEqual([memory.numKvBlocks, memory.kvBlockTokens, memory.numKvTokens], [91, 128, 11648]);
  assert.equal(memory.components.kvPool, 0.25 * 2 ** 30);
  assert.deepEqual(await drivers["llama-server"].size(llama.port, logs.llama, soon()), {
    seats: 4,
    poolTokens: 8192,
  });
  const buffers = (await drivers["llama-server"].memory(llama.port, logs.llama, soon())).components;
  assert.deepEqual([buffers.kvPool, buffers.weights], [180 * 2 ** 20, 92.1 * 2 ** 20]);
});

test("metrics of each engine come under one set of names, and what it lacks is unknown", async (t) => {
  for (const engine of engines) {
    const { port, server } = await replay(engine);
    t.after(() => server.close());
    const metrics = await drivers[engine].metrics(port, soon());
    assert.ok(
      metrics !== null && (metrics.promptTokens ?? 0) > 0 && (metrics.generatedTokens ?? 0) > 0,
      engine,
    );
    assert.equal(metrics.numRunning, 0);
    assert.equal(metrics.kvUsage, engine === "vllm" ? 0 : null);
  }
});

test("answers pass through as they are, and errors get OpenAI's shape", async (t) => {
  for (const engine of engines) {
    const { port, server } = await replay(engine);
    t.after(() => server.close());
    const endpoint = drivers[engine].endpoint(port);
    for (const exchange of recordedExchanges(engine)) {
      const { method, path, status, answer } = exchange;
      const body = exchange.body === null ? null : Buffer.from(bodyText(exchange));
      const passed = await endpoint.forward({ method, path, headers: {}, body }, soon());
      const pieces: Uint8Array[] = [];
      for await (const piece of passed.body) pieces.push(piece);
      const text = Buffer.concat(pieces).toString("utf8");
      assert.equal(passed.status, status, exchange.name);
      if (status < 400) assert.equal(text, answer, exchange.name);
      else assert.equal(typeof JSON.parse(text).error.message, "string", exchange.name);
    }
  }
});
