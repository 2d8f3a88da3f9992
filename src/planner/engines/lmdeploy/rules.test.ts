/** The vectors of lmdeploy-memory.md §2.2, §2.3 and §4.5, and the refusals of §1.5. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findDevice } from "../../device/find-device.ts";
import { modelNamed } from "../../model/catalogue.ts";
import type { FlagValues, PlanRequest } from "../../plan/plan.ts";
import { gib, mib } from "../../quantity/bytes.ts";
import { plan } from "../../search/plan.ts";
import { pytorchBlockBytes, turbomindBlockBytes } from "./plan/kv-block.ts";
import { pytorchPool } from "./plan/pytorch.ts";
import { slabCapacity } from "./plan/turbomind.ts";
import { legacyBlocks } from "./plan/turbomind-legacy.ts";
import { pytorchRuntimeBytes } from "./plan/working-memory.ts";
import { type QuantPolicy, resolveLmdeploySettings } from "./settings/settings.ts";

function request(
  model: string,
  gpu: string,
  flags: FlagValues = {},
  version: string | null = null,
): PlanRequest {
  return {
    model: modelNamed(model),
    device: findDevice(gpu),
    usedBytes: 0,
    engine: "lmdeploy",
    version,
    flags,
    usage: "serve",
  };
}

const blockOf = (model: string, policy: QuantPolicy, ranks = 1): number =>
  turbomindBlockBytes(
    modelNamed(model).layers.map(({ mixer }) => mixer),
    policy,
    64,
    ranks,
  );

test("TurboMind's block of 64 tokens", () => {
  const table = [
    ["meta-llama/Llama-2-7b-chat-hf", 1, 33_554_432, 17_301_504, 8_912_896],
    ["meta-llama/Meta-Llama-3-8B", 1, 8_388_608, 4_325_376, 2_228_224],
    ["Qwen/Qwen2.5-7B-Instruct", 1, 3_670_016, 1_892_352, 974_848],
    ["Qwen/Qwen2.5-14B-Instruct", 1, 12_582_912, 6_488_064, 3_342_336],
    ["Qwen/Qwen2.5-32B-Instruct", 1, 16_777_216, 8_650_752, 4_456_448],
    ["meta-llama/Llama-3.1-70B-Instruct", 4, 5_242_880, 2_703_360, 1_392_640],
    ["deepseek-ai/DeepSeek-V3", 1, 4_497_408, 2_264_320, 1_139_968],
  ] as const;
  for (const [model, ranks, plain, int8, int4] of table) {
    assert.equal(blockOf(model, 0, ranks), plain, model);
    assert.equal(blockOf(model, 8, ranks), int8, model);
    assert.equal(blockOf(model, 4, ranks), int4, model);
  }
  assert.equal(
    blockOf("openai/gpt-oss-20b", 4),
    884_736,
    "the block of a real log (issue 3949): windows save nothing",
  );
});

test("TurboMind from 0.15: pages, slabs, objects of 20 GiB; the share is a 32-bit float", () => {
  const table = [
    [33_554_432, 0.8, 32_768],
    [17_301_504, 0.8, 61_440],
    [3_670_016, 0.8, 294_912],
    [12_582_912, 0.8, 86_016],
    [6_488_064, 0.8, 163_840],
    [3_342_336, 0.8, 327_680],
    [16_777_216, 0.8, 65_536],
    [8_650_752, 0.8, 122_880],
    [8_388_608, 0.8, 131_072],
    [5_242_880, 0.8, 204_800],
    [4_497_408, 0.8, 237_568],
    [12_582_912, 0.9, 95_424],
    [8_388_608, 0.9, 147_200],
  ] as const;
  for (const [block, share, tokens] of table)
    assert.equal(slabCapacity(20 * gib, share, block, 64).numTokens, tokens);
  assert.equal(slabCapacity(20 * gib, 0.9, 12_582_912, 64).regionBytes, 19_327_352_320);
  assert.equal(Math.floor(19_327_352_320 / (32 * mib)), 575, "not 576");
});

test("TurboMind before 0.15: the same bytes in a flat pool; from 1 up a number of blocks", () => {
  const table = [
    [17_301_504, 0.8, 63_488],
    [3_670_016, 0.8, 299_584],
    [12_582_912, 0.8, 87_360],
    [6_488_064, 0.8, 169_408],
    [8_650_752, 0.8, 127_040],
    [4_497_408, 0.8, 244_416],
    [12_582_912, 0.9, 98_240],
  ] as const;
  for (const [block, share, tokens] of table) assert.equal(legacyBlocks(20 * gib, share, block) * 64, tokens);
  assert.equal(legacyBlocks(20 * gib, 1740, 884_736), 1740);
});

test("PyTorch engine: runtime estimate, blocks and the reserved block of 20 GiB", () => {
  const table = [
    [
      "meta-llama/Meta-Llama-3-8B",
      "384",
      2_298_347_520,
      { none: 1828, int8: 3546, int4: 6884, fp8: 3657, turbo_quant: 9179 },
    ],
    [
      "Qwen/Qwen2.5-14B-Instruct",
      "128",
      2_569_273_344,
      { none: 1201, int8: 2331, int4: 4525, fp8: 2403, turbo_quant: 6033 },
    ],
    [
      "Qwen/Qwen2.5-32B-Instruct",
      "128",
      2_569_273_344,
      { none: 901, int8: 1748, int4: 3393, fp8: 1802, turbo_quant: 4525 },
    ],
  ] as const;
  for (const [name, batch, runtime, blocks] of table)
    for (const [policy, expected] of Object.entries(blocks)) {
      const given = request(name, "A100-80GB", {
        backend: "pytorch",
        "quant-policy": policy,
        "max-batch-size": batch,
      });
      const settings = resolveLmdeploySettings(given);
      const estimate = (prefill: number): number =>
        pytorchRuntimeBytes(settings, given.model.vocabSize, prefill);
      assert.equal(estimate(8192), runtime);
      const pool = pytorchPool(20 * gib, 0, 0.8, pytorchBlockBytes(given.model, settings), 8192, estimate);
      assert.equal(pool.numBlocks, expected, `${name} ${policy}`);
    }
});

test("PyTorch engine: below 16 blocks the prefill budget is halved, at 2 it is refused", () => {
  const runtime = (prefill: number): number => prefill * 1000;
  const halved = pytorchPool(10_000_000, 0, 0.8, 200_000, 8000, runtime);
  assert.deepEqual([halved.kind, halved.kind === "fits" ? halved.maxPrefillTokens : 0], ["fits", 4000]);
  const refused = pytorchPool(8_500_000, 0, 0.8, 200_000, 8000, runtime);
  assert.equal(
    refused.kind === "refused" ? refused.message : "",
    "RuntimeError: No enough gpu memory for kv cache.",
  );
});

test("a 24 GB card: KV columns of the worked examples given the free bytes of the table", () => {
  const table = [
    ["Qwen/Qwen2.5-14B-Instruct", 14.05, 0.8, [59_136, 114_880, 229_760]],
    ["Qwen/Qwen2.5-14B-Instruct", 14.05, 0.9, [67_200, 129_280, 258_560]],
    ["Qwen/Qwen2.5-32B-Instruct", 5.15, 0.8, [16_768, 30_720, 62_400]],
    ["Qwen/Qwen2.5-32B-Instruct", 5.15, 0.9, [18_944, 35_520, 71_040]],
  ] as const;
  for (const [name, free, share, tokens] of table)
    for (const [index, policy] of ([0, 8, 4] as const).entries())
      assert.equal(
        slabCapacity(free * gib, share, blockOf(name, policy), 64).numTokens,
        tokens[index],
        `${name} ${share} ${policy}`,
      );
  assert.equal(
    slabCapacity(14.32 * gib, 0.8, blockOf("Qwen/Qwen2.5-32B-Instruct", 0, 2), 64).numTokens,
    93_696,
  );
});

test("32B 4-bit on 24 GB dies of activation headroom, and the prefill and batch flags help", () => {
  const answer = plan(request("Qwen/Qwen2.5-32B-Instruct-AWQ", "RTX 4090"));
  assert.equal(answer.verdict.kind, "dies");
  assert.match(answer.verdict.reason, /activations, not KV/);
  assert.match(
    answer.verdict.suggestions[0]?.flags.join(" ") ?? "",
    /--max-prefill-token-num \d+ --max-batch-size \d+/,
  );
  const weights = answer.components.find(({ name }) => name === "weights")?.quantity.expectedBytes ?? 0;
  assert.equal((weights / gib).toFixed(2), "18.34");
  const two = plan(request("Qwen/Qwen2.5-32B-Instruct-AWQ", "RTX 4090", { tp: "2" }));
  assert.equal(two.verdict.kind, "fits");
  assert.equal(plan(request("Qwen/Qwen2.5-14B-Instruct-AWQ", "RTX 4090")).verdict.kind, "fits");
});

test("shares out of range are refused in LMDeploy's words", () => {
  const ask = (share: string, version: string, backend: string) => () =>
    plan(request("Qwen/Qwen2.5-7B-Instruct", "L4", { "cache-max-entry-count": share, backend }, version));
  assert.throws(ask("0", "0.18", "turbomind"), /expects 0 < cache_max_block_count < 1/);
  assert.throws(ask("1000", "0.18", "turbomind"), /no longer accepts cache_max_block_count as a block count/);
  assert.throws(ask("1.5", "0.18", "pytorch"), /invalid cache_max_entry_count/);
  assert.doesNotThrow(ask("1000", "0.14", "turbomind"));
});

test("default batch sizes follow a substring of the card's name", () => {
  const batch = (gpu: string, version = "0.18"): number =>
    resolveLmdeploySettings(request("Qwen/Qwen2.5-7B-Instruct", gpu, {}, version)).maxBatchSize.value;
  assert.equal(batch("A100-80GB"), 384);
  assert.equal(batch("H100"), 1024);
  assert.equal(batch("GH200"), 1024, "the name holds h200");
  assert.equal(batch("RTX 4090"), 128);
  assert.equal(batch("A100-80GB", "0.5"), 128);
});
