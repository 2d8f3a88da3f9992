import assert from "node:assert/strict";
import { test } from "node:test";
import { scriptedServer, selfTestMs } from "../../process/testing/scripted-server.ts";
import type { Figure } from "../figures/figure.ts";
import type { BenchOptions } from "../options/bench-options.ts";
import { measureLatency, measureStart, measureTwins } from "./server-figures.ts";

/** Options of a bench whose own program is a scripted server. */
function optionsOf(refuses: string): BenchOptions {
  return {
    program: ["-e", scriptedServer("smol", refuses), "--"],
    folder: ".",
    modelPath: "any",
    kernels: ["wasm"],
    numThreads: 1,
    numRounds: 1,
    seed: 1,
    loads: [],
    parts: [],
    peers: null,
    say: () => undefined,
  };
}

const missed = (figures: readonly Figure[], name: string): [number, boolean | null][] =>
  figures.filter((figure) => figure.name === name).map(({ ours, met }) => [ours, met]);

test("the self-test that a start waited for has a goal; WebAssembly has none", async () => {
  const name = "self-test of the kernels";
  const options = optionsOf("false");
  assert.deepEqual(missed(await measureStart(options, "machine-code"), name), [[selfTestMs, false]]);
  assert.deepEqual(missed(await measureStart(options, "wasm"), name), []);
});

test("requests that fail while two instances are measured are a goal missed", async () => {
  // Of the first instance, which also runs alone.
  const figures = await measureTwins(optionsOf("numRequests === 3"), "wasm");
  assert.deepEqual(missed(figures, "failed on either"), [[2, false]]);
});

test("requests that fail while latencies are taken, and a prefix that was not reused, are goals missed", async () => {
  const isOfSingleLoad = "body.max_tokens === 128";
  const figures = await measureLatency(optionsOf(isOfSingleLoad), "wasm");
  assert.deepEqual(missed(figures, "failed meanwhile"), [[4, false]]);
  assert.deepEqual(missed(figures, "cached of those tokens, at least"), [[0, false]]);
});
