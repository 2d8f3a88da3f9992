/** Commands as people spelled them: each is read whole, and means what its engine would have understood. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  engineRules,
  type FlagValues,
  findDevice,
  fitPlan,
  modelNamed,
  type PlanRequest,
  plan,
  planReplicas,
  shellCommands,
  typedFlags,
} from "../src/planner/index.ts";

const file = join(import.meta.dirname, "fixtures/planner/spelling.cmd");
const lines = readFileSync(file, "utf8")
  .split("\n")
  .filter((line) => line.startsWith("pagoda plan "));

/** The engine's flags of a `pagoda plan MODEL --engine …` line; the planner's own options are left out. */
function engineFlags(line: string): FlagValues {
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

/** The request of a line: its model, card, engine and flags. */
function requestOf(line: string): PlanRequest {
  const [words = []] = shellCommands(line);
  const after = (option: string): string => words[words.indexOf(option) + 1] ?? "";
  const [engine = "", version = ""] = after("--engine").split("@");
  return {
    model: modelNamed(words[2] ?? ""),
    device: findDevice(after("--gpu")),
    usedBytes: 0,
    engine,
    version: version === "" ? null : version,
    flags: engineFlags(line),
    usage: "serve",
  };
}

const lineWith = (text: string): string => lines.find((line) => line.includes(text)) ?? "";
const suggested = (line: string): string[] =>
  plan(requestOf(line)).verdict.suggestions.map(({ flags }) => flags.join(" "));

test("short names and underscores change nothing of what is suggested", () => {
  const short = suggested(lineWith("-tp 2"));
  assert.ok(short.length >= 2);
  assert.deepEqual(short, suggested(lineWith("-tp 2").replace("-tp 2", "--tensor-parallel-size 2")));
  assert.ok(short.some((flags) => /--max-model-len \d+ --gpu-memory-utilization 0\.\d+/.test(flags)));
  assert.match(suggested(lineWith("--max_model_len 32768")).join(), /--gpu-memory-utilization 0\.\d\d/);
});

test("underscores change nothing of a search or of copies", () => {
  const { best } = fitPlan(requestOf(lineWith("--fit")), { users: 20, contextTokens: 4096 }, { wide: true });
  assert.equal(best?.limit, "nothing: it serves as it is");
  const { ways } = planReplicas(requestOf(lineWith("--replicas 3")), 3);
  assert.ok(ways.length > 0);
  assert.doesNotMatch(ways.flatMap(({ commands }) => commands.flat()).join(" "), /_memory_utilization/);
});

test("fp8_ds_mla holds 656 bytes of a token in a layer", () => {
  const { kv } = plan(requestOf(lineWith("fp8_ds_mla")));
  assert.equal(kv?.bytesPerToken, 656 * 61);
});
