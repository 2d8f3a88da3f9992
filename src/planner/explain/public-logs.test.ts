/**
 * Logs as people pasted them in public threads: wrapped, quoted, relayed, cut. Sources, in the order of the table:
 * intel-arc-pro-b70-inference-cookbook#4, club-3090#32, #617, #642, vllm#19125, vllm#42147, spark-vllm-docker#396,
 * lemonade-sdk/vllm-rocm#5, vllm-ascend#9372, spark-vllm-docker#200, vllm#15598, GLM-V#208, vllm-ascend#1617,
 * gpustack/runner#251. CRI and JSON frames are put around sentences of those threads.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { LogFacts } from "../log/log-facts.ts";
import { gib } from "../quantity/bytes.ts";
import { type Explanation, explainLog } from "./explanation.ts";
import { deviceOfLog, modelOfLog } from "./identity.ts";
import { readLog } from "./read-log.ts";

const folder = join(import.meta.dirname, "../../../tests/fixtures/planner/public-logs");
const factsOf = (name: string): LogFacts => readLog(readFileSync(join(folder, `${name}.txt`), "utf8"));

function explained(name: string, flags: Record<string, string> = {}): Explanation {
  const facts = factsOf(name);
  return explainLog(facts, { model: modelOfLog(facts), device: deviceOfLog(facts), version: null, flags });
}

interface Expected {
  readonly kind: string | null;
  readonly figures?: Readonly<Record<string, number>>;
  readonly counts?: Readonly<Record<string, number>>;
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly models?: readonly string[];
  readonly gpu?: string;
}

const expectations: Readonly<Record<string, Expected>> = {
  "wrapped-by-terminal": {
    kind: "requestTooLong",
    figures: { neededKv: 4.26, availableKv: 4.25 },
    counts: { maxModelLen: 100_000 },
  },
  "wsl2-refused-though-free": { kind: "weights", figures: { total: 24 } },
  "share-in-a-hint": {
    kind: null,
    figures: { availableKv: 3.93, graphs: 0.08 },
    flags: { "gpu-memory-utilization": "0.8500" },
  },
  "draft-in-the-arguments": {
    kind: null,
    figures: { availableKv: 11.05 },
    counts: { numTokens: 623_873, concurrency: 2.38, maxModelLen: 262_144 },
    flags: {
      "speculative-config": '{"method":"mtp","num_speculative_tokens":3}',
      "kv-cache-dtype": "fp8_e5m2",
      "max-num-seqs": "2",
      "served-model-name": ["qwen3.6-27b-autoround"],
    },
    models: ["~/.cache/huggingface/qwen3.6-27b-autoround-int4", "qwen3.6-27b-autoround"],
  },
  "nvidia-smi-and-command": {
    kind: "noKvMemory",
    flags: { "gpu-memory-utilization": "0.4" },
    models: ["Qwen/Qwen2.5-0.5B-Instruct"],
    gpu: "NVIDIA GeForce RTX 4060 Ti",
  },
  "kv-allocation": { kind: "kvAllocation", figures: { total: 23.52 } },
  "quoted-from-a-page": {
    kind: "requestTooLong",
    figures: { neededKv: 23.25, availableKv: 22.5 },
    counts: { maxModelLen: 196_608, suggestedLen: 190_272 },
  },
  "launcher-times-unified": { kind: "kvAllocation", figures: { total: 127 } },
  "npu-below-zero": {
    kind: "noKvMemory",
    figures: { weights: 27.5376, availableKv: -0.87 },
    flags: { "max-model-len": "4096", "enforce-eager": true },
    models: ["/models/Qwen3-14B/"],
  },
  "compose-graphs-below-zero": {
    kind: null,
    figures: { availableKv: 52.66, graphs: -4.74 },
    counts: { numTokens: 1_253_392 },
  },
  "cri-and-ray": {
    kind: "graphCapture",
    figures: { total: 44.53, weights: 20.64, persistent: 0.28, activations: 1.52, availableKv: 21.2 },
    flags: { "gpu-memory-utilization": "0.98" },
  },
  "json-lines": {
    kind: null,
    figures: {
      total: 79.33,
      freeAtStart: 78.84,
      weights: 50.31,
      activations: 5.7,
      persistent: 0.72,
      capturedGraphs: 5.97,
      availableKv: 15_736_029_798 / gib,
    },
    flags: { "gpu-memory-utilization": "0.9" },
  },
  "npu-on-one-line": { kind: "activations", figures: { total: 60.96 } },
  "tensor-parallel-hint": {
    kind: null,
    figures: { availableKv: 6.87, graphs: 0.36 },
    flags: { "gpu-memory-utilization": "0.8200" },
  },
};

test("every public log has its expectation", () => {
  assert.deepEqual(
    Object.keys(expectations)
      .map((name) => `${name}.txt`)
      .sort(),
    readdirSync(folder).sort(),
  );
});

describe("what a pasted log states is read", () => {
  for (const [name, expected] of Object.entries(expectations))
    test(name, () => {
      const facts = factsOf(name);
      assert.equal(facts.engine, "vllm");
      assert.equal(facts.failure?.kind ?? null, expected.kind);
      for (const [figure, value] of Object.entries(expected.figures ?? {})) {
        const read = Object.entries(facts.figures).find(([key]) => key === figure)?.[1];
        assert.ok(
          Math.abs((read?.expectedBytes ?? 0) / gib - value) < 1e-6,
          `${figure} ${read?.expectedBytes}`,
        );
      }
      for (const [count, value] of Object.entries(expected.counts ?? {}))
        assert.equal(Object.entries(facts.counts).find(([key]) => key === count)?.[1], value, count);
      for (const [flag, value] of Object.entries(expected.flags ?? {}))
        assert.deepEqual(facts.flags[flag], value, flag);
      if (expected.models !== undefined) assert.deepEqual(facts.modelNames, expected.models);
      if (expected.gpu !== undefined) assert.equal(facts.gpu, expected.gpu);
    });
});

test("memory refused though free is no shortage: no flags are offered, and the reason fits the device", () => {
  const windows = explained("wsl2-refused-though-free", { "max-model-len": "80000" });
  assert.equal(windows.cause.missing, "nothing");
  assert.match(windows.cause.sentences.join(" "), /44\.0 MiB more were tried, and 15\.41 GiB/);
  assert.match(windows.cause.sentences.join(" "), /WSL2/);
  assert.deepEqual(windows.changes, []);
  const unified = explained("launcher-times-unified");
  assert.equal(unified.cause.missing, "nothing");
  assert.match(unified.cause.sentences.join(" "), /12\.95 GiB more were tried, and 18\.55 GiB/);
  assert.deepEqual(unified.changes, []);
});

test("a sentence that a terminal broke is whole, and tells the length that fits", () => {
  const { engineMessage, cause } = explained("wrapped-by-terminal");
  assert.match(
    engineMessage ?? "",
    /\(4\.26 GiB KV cache is needed, which is larger than the available KV cache/,
  );
  assert.match(
    cause.sentences.join(" "),
    /One request of 100000 tokens needs 4\.26 GiB of KV, and 4\.25 GiB/,
  );
  assert.match(cause.sentences.join(" "), /99,531 tokens fit/);
});

test("the exception is the message, not the source line that raised it", () => {
  assert.match(explained("nvidia-smi-and-command").engineMessage ?? "", /^ValueError: No available memory/);
});

test("a figure that cannot be is left out and named", () => {
  const { components, notes } = explained("compose-graphs-below-zero");
  assert.ok(components.every(({ logged }) => (logged?.expectedBytes ?? 0) >= 0));
  assert.match(notes.join(" "), /−4\.74 GiB of CUDA graphs, which is less than nothing/);
});

test("a log that ends early says how far it came and what follows", () => {
  const { outcome, cause } = explained("share-in-a-hint");
  assert.equal(outcome, "unknown");
  assert.match(
    cause.sentences.join(" "),
    /the KV memory was computed\. Next, the engine checks whether one request/,
  );
});
