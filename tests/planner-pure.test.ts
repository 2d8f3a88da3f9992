/** The planner runs in a browser as it is: bundled, it holds nothing of Node, and works where Node's globals are missing. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";

const entry = join(import.meta.dirname, "../src/planner/index.ts");

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
  assert.doesNotMatch(
    text,
    /require\(|node:|\bprocess\.|\bBuffer\b|__dirname|Date\.now|new Date|Math\.random|\bfetch\(/,
  );
  const answer = runInContext(
    `${text}; JSON.stringify(planner.plan({ model: planner.modelNamed("Qwen/Qwen2.5-7B-Instruct"), device: planner.findDevice("L4"),
      usedBytes: 0, engine: "vllm", version: null, flags: {}, usage: "serve" }).verdict.kind)`,
    createContext({}),
  );
  assert.equal(answer, '"fits"');
});
