import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readOptions } from "../../core/options/read-options.ts";
import { changedWords, serverKnobs, valueIn } from "../engines/restarted-engines.ts";
import { goalFrom, goalOptions } from "../options/goal-options.ts";
import { loadOptions, trafficSource } from "../options/load-options.ts";
import { parseLayouts, threadsOf } from "../space/layout.ts";
import { parseLengths } from "../traffic/lengths.ts";
import { shapedTraffic } from "../traffic/shaped-traffic.ts";
import { EngineServers, type ServerStart } from "./engine-servers.ts";
import { tuneServers } from "./tune-servers.ts";

const range = { firstTokenId: 500, endTokenId: 2000 };
const warmUp = shapedTraffic(
  {
    numUsers: 1,
    ratePerSecond: null,
    numRequests: 1,
    prompt: parseLengths("8"),
    output: parseLengths("4"),
    sharedPrefix: null,
  },
  1,
  range,
);

describe("layouts", () => {
  it("are instances and their seats", () => {
    assert.deepEqual(parseLayouts("1x16, 4×4"), [
      { numInstances: 1, numSeats: 16 },
      { numInstances: 4, numSeats: 4 },
    ]);
    assert.throws(() => parseLayouts("16"), /not a number of instances/);
    assert.deepEqual(
      parseLayouts("1x1,2x1,3x1").map((layout) => threadsOf(layout, 2)),
      [2, 1, 1],
    );
  });
});

describe("a start command", () => {
  const words = "llama-server -m model.gguf -np 8 --ubatch-size=512 --flash-attn -t 2".split(" ");

  it("gets flags in place of their other spellings", () => {
    assert.deepEqual(
      changedWords(words, { parallel: "16", "ubatch-size": "128" }).join(" "),
      "llama-server -m model.gguf --flash-attn -t 2 --parallel 16 --ubatch-size 128",
    );
    assert.deepEqual(
      ["parallel", "ubatch-size", "threads", "ctx-size"].map((name) => valueIn(words, name)),
      ["8", "512", "2", null],
    );
  });

  it("has knobs of its engine, or those that are stated", () => {
    assert.deepEqual(serverKnobs("vllm", "max-num-seqs=4,8 block-size=16"), [
      { name: "max-num-seqs", values: ["4", "8"] },
      { name: "block-size", values: ["16"] },
    ]);
    assert.ok(serverKnobs("llama-server", null).length > 0);
    assert.throws(() => serverKnobs("vllm", "block-size"), /states no values/);
  });
});

describe("a real server", () => {
  const start: ServerStart = {
    engine: "pagoda",
    words: "pagoda serve --memory 700MiB --max-model-len 512 --max-num-seqs 1".split(" "),
    program: [process.execPath, fileURLToPath(new URL("../../../bin/pagoda.js", import.meta.url))],
  };
  const load = readOptions(
    loadOptions,
    { users: "6", promptTokens: "8", outputTokens: "6", requests: "12" },
    {},
  );

  it("is started once for each setting, and measured as its clients see it", async (t) => {
    const servers = new EngineServers(2, warmUp);
    t.after(() => servers.close());
    const traffic = trafficSource(load, { maxModelLen: 512 }, range).traffic(1, 6);
    const stop = new AbortController().signal;
    const first = await servers.measure(start, traffic, stop);
    await servers.measure(start, traffic, stop);
    assert.equal(servers.numStarts, 1);
    assert.equal(first.figures.numRequests, 6);
    assert.equal(
      Math.round(first.figures.outputTokensPerSecond * first.figures.seconds),
      traffic.requests.length * 6,
    );
    assert.ok((servers.peakBytes(start) ?? 0) > 50e6);
  });

  it("is tuned, and what cannot serve the load is never started", async () => {
    const values = readOptions(goalOptions, { minimize: "p50-ttft" }, {});
    const { result, numStarts, pruned } = await tuneServers({
      start,
      knobs: [{ name: "max-num-seqs", values: ["1", "8"] }],
      goal: goalFrom(values, false),
      source: trafficSource(load, { maxModelLen: 512 }, range),
      numRequests: 12,
      maxTrials: 6,
      warmUp,
      onTrial: () => undefined,
      stop: new AbortController().signal,
    });
    // The present value is not tried again, and a single challenger needs no screening.
    assert.deepEqual([numStarts, pruned.length], [2, 0]);
    assert.ok(result.trials.every(({ phase }) => phase === "comparison"));
    assert.equal(result.duels[0]?.flags, "--max-num-seqs 8");
  });
});
