/** The planner runs in a browser as it is: bundled, it holds nothing of Node, and works where Node's globals are missing. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";

const entry = join(import.meta.dirname, "../src/planner/index.ts");
const footprintDoor = join(import.meta.dirname, "../src/backend/cpu/footprint/index.ts");
const nodeNames =
  /require\(|node:|\bprocess\.|\bBuffer\b|__dirname|Date\.now|new Date|Math\.random|\bfetch\(/;

test("the footprint of the CPU backend, which plans are made of, bundles without anything of Node", async () => {
  const built = await build({
    entryPoints: [footprintDoor],
    bundle: true,
    format: "iife",
    globalName: "backend",
    platform: "browser",
    write: false,
  });
  const text = built.outputFiles[0]?.text ?? "";
  assert.deepEqual(built.warnings, []);
  assert.doesNotMatch(text, nodeNames);
  const limits = { blockSize: 16, numBlocks: 10, kvDtype: "f16", maxModelLen: 64, maxNumSeqs: 2 };
  const shape = { weights: [], buffers: [], kvLayers: [{ numKvHeads: 2, headDim: 32 }], ropeTables: [] };
  const answer = runInContext(
    `${text}; backend.cpuFootprint(${JSON.stringify({ ...shape, vocabularyWidth: 100, body: [], head: [] })},
      ${JSON.stringify({ ...limits, maxNumBatchedTokens: 32, maxLogprobs: 1, numThreads: 1 })}).components.kvPool`,
    createContext({}),
  );
  assert.equal(answer, 10 * 16 * (2 * 2 * 32) * 2);
});

test("the planner bundles without anything of Node and plans in a bare context", async () => {
  const built = await build({
    entryPoints: [entry],
    bundle: true,
    format: "iife",
    globalName: "planner",
    platform: "browser",
    write: false,
  });
  const text = built.outputFiles[0]?.text ?? "";
  assert.deepEqual(built.warnings, []);
  assert.doesNotMatch(text, nodeNames);
  const context = createContext({});
  const answer = runInContext(
    `${text}; JSON.stringify(planner.plan({ model: planner.modelNamed("Qwen/Qwen2.5-7B-Instruct"), device: planner.findDevice("L4"),
      usedBytes: 0, engine: "vllm", version: null, flags: {}, usage: "serve" }).verdict.kind)`,
    context,
  );
  assert.equal(answer, '"fits"');
  const own = runInContext(
    `planner.plan({ model: planner.modelNamed("Qwen/Qwen2.5-7B-Instruct"), usedBytes: 0, engine: "pagoda", version: null,
      device: planner.cpuDevice({ name: "a machine", totalBytes: 16 * 2 ** 30, numProcessors: 4 }), usage: "serve",
      flags: { quantization: "int4", memory: "8GiB" } }).kv.numTokens.expected`,
    context,
  );
  assert.ok(own > 10_000, `${own} tokens`);
});
