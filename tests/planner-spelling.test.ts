/** Commands as people spelled them: each is read whole, and means what its engine would have understood. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { engineRules, shellCommands, typedFlags } from "../src/planner/index.ts";

const file = join(import.meta.dirname, "fixtures/planner/spelling.cmd");
const lines = readFileSync(file, "utf8")
  .split("\n")
  .filter((line) => line.startsWith("pagoda plan "));

/** The engine's flags of a `pagoda plan MODEL --engine …` line; the planner's own options are left out. */
function engineFlags(line: string): Readonly<Record<string, unknown>> {
  const [words = []] = shellCommands(line);
  const specs = engineRules.find(({ id }) => id === "vllm")?.flags ?? [];
  const typed: string[] = [];
  for (let at = 3; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (["--fit", "--flags"].includes(word)) continue;
    if (["--gpu", "--engine", "--replicas", "--users", "--context"].includes(word)) at += 1;
    else typed.push(word);
  }
  return typedFlags(typed, specs).flags;
}

const expected: readonly Readonly<Record<string, unknown>>[] = [
  { "tensor-parallel-size": "2" },
  { "gpu-memory-utilization": "0.6", "max-model-len": "32768" },
  { "gpu-memory-utilization": "0.5" },
  { "max-model-len": "4096" },
  { "served-model-name": ["a", "b"] },
  { "cudagraph-capture-sizes": ["1", "2", "4"] },
  { "speculative-config": '{"method":"eagle3"}' },
  { "gpu-memory-utilization": "0.95" },
  { "optimization-level": "3" },
  { "tensor-parallel-size": "8", "kv-cache-dtype": "fp8_ds_mla" },
  {},
  { "kv-transfer-config": '{"kv_connector": "LMCacheConnectorV1"}' },
];

for (const [index, line] of lines.entries())
  test(line.slice(12, 110), () => {
    if (line.includes("plan compare")) return;
    assert.deepEqual(engineFlags(line), expected[index]);
  });

test("every line of the file has its meaning above", () => {
  assert.equal(lines.length, expected.length);
});
