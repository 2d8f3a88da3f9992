import assert from "node:assert/strict";
import { test } from "node:test";
import { gib, mib } from "../../quantity/bytes.ts";
import { allocatedBytes } from "../../quantity/caching-allocator.ts";
import { modelNamed } from "../catalogue.ts";
import { countParameters, singleRank } from "./rank-tensors.ts";
import { rankWeights } from "./rank-weights.ts";

const printed = (bytes: number): string => (bytes / gib).toFixed(4);
const weightsOf = (name: string, tensorParallel = 1): string =>
  printed(rankWeights(modelNamed(name), { ...singleRank, tensorParallel }).expectedBytes);

test("weights are what vLLM's logs print, allocator rounding and rotary tables included", () => {
  // [model, tp, "Model loading took … GiB" with four decimals, of logs in public]
  const logs = [
    ["meta-llama/Llama-3.1-8B-Instruct", 1, "14.9888"],
    ["meta-llama/Meta-Llama-3-8B", 1, "14.9595"],
    ["Qwen/Qwen2-7B-Instruct", 2, "7.1217"],
    ["meta-llama/Llama-2-7b-chat-hf", 8, "1.5874"],
    ["Qwen/Qwen3-8B", 1, "15.2683"],
    ["Qwen/Qwen3-4B", 1, "7.5552"],
    ["Qwen/Qwen2.5-7B", 1, "14.2717"],
  ] as const;
  for (const [name, tp, log] of logs)
    assert.ok(
      Math.abs(Number(weightsOf(name, tp)) - Number(log)) <= 0.0005,
      `${name}: ${weightsOf(name, tp)}, log ${log}`,
    );
});

test("parameters are the published numbers", () => {
  const published = [
    ["meta-llama/Llama-3.1-8B-Instruct", 8_030_261_248],
    ["Qwen/Qwen2.5-7B-Instruct", 7_615_616_512],
    ["Qwen/Qwen2.5-0.5B", 494_032_768],
    ["HuggingFaceTB/SmolLM2-135M-Instruct", 134_515_008],
    ["mistralai/Mixtral-8x7B-Instruct-v0.1", 46_702_792_704],
    ["Qwen/Qwen3-30B-A3B", 30_532_122_624],
    ["deepseek-ai/DeepSeek-V3", 671_026_419_200],
  ] as const;
  for (const [name, number] of published) assert.equal(countParameters(modelNamed(name)), number, name);
});

test("the allocator bills a whole block where no more than 1 MiB would remain", () => {
  assert.equal(
    allocatedBytes([259 * mib]),
    260 * mib,
    "rounded to 2 MiB, the rest of 1 MiB is not split off",
  );
  assert.equal(allocatedBytes([24.5 * mib]), 24.5 * mib, "1.5 MiB remain and are split off");
  assert.equal(
    allocatedBytes([24.5 * mib, 1.25 * mib]),
    26 * mib,
    "the next tensor takes what was split off, whole",
  );
  assert.equal(allocatedBytes([1000]), 1024);
  assert.equal(allocatedBytes([]), 0);
});
