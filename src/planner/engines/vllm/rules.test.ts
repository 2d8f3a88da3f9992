/** The worked examples and the validation table of vllm-memory.md §10, and vLLM's refusals. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../../core/errors.ts";
import { findDevice } from "../../device/find-device.ts";
import { modelNamed } from "../../model/catalogue.ts";
import { parseModelConfig } from "../../model/parse-config.ts";
import type { FlagValues, MeasuredBytes, PlanRequest } from "../../plan/plan.ts";
import { gib } from "../../quantity/bytes.ts";
import { exact } from "../../quantity/quantity.ts";
import { plan } from "../../search/plan.ts";

function request(
  model: string,
  gpu: string,
  flags: FlagValues,
  version: string,
  availableKvBytes: number | null = null,
): PlanRequest {
  const measuredBytes: MeasuredBytes =
    availableKvBytes === null ? {} : { availableKv: exact(availableKvBytes, "given") };
  return {
    model: modelNamed(model),
    device: findDevice(gpu),
    usedBytes: 0,
    engine: "vllm",
    version,
    flags,
    usage: "serve",
    measured: measuredBytes,
  };
}

test("the eight set-ups of §10.1 given their available bytes: blocks, requests, tokens, refusals", () => {
  const table = [
    ["meta-llama/Llama-3.1-8B-Instruct", "H100", {}, 59_993_046_267, 28_606, 8192, 457_696],
    ["Qwen/Qwen3-32B-FP8", "H100", { "kv-cache-dtype": "fp8" }, 41_115_565_225, 19_605, 2560, 313_680],
    ["Qwen/Qwen3-32B-FP8", "H100", {}, 41_115_565_225, 9_802, 2560, 156_832],
    ["meta-llama/Llama-3.3-70B-Instruct", "H100", { tp: "4" }, 38_917_163_792, 29_691, 8192, 475_056],
    ["openai/gpt-oss-20b", "RTX 4090", {}, 7_472_217_694, 19_002, 8457, 294_505],
    ["google/gemma-3-27b-it", "A100-80GB", { tp: "2" }, 47_427_440_916, 72_368, 10_118, 937_479],
    ["deepseek-ai/DeepSeek-V3", "H200", { tp: "8" }, 47_215_936_988, 41_993, 10_240, 671_888],
  ] as const;
  for (const [model, gpu, flags, bytes, blocks, perRequest, tokens] of table) {
    const answer = plan(request(model, gpu, flags, "0.29", bytes));
    assert.equal(answer.kv?.numBlocks.expected, blocks, model);
    assert.equal(answer.kv?.numTokens.expected, tokens, model);
    assert.equal(Math.round(blocks / (answer.kv?.concurrency.expected ?? 0)), perRequest, model);
  }
});

test("Llama-3.1-8B on an L4 at its full length is refused with the length that fits, and auto takes it", () => {
  const bytes = 4_842_400_292;
  const refused = plan(request("meta-llama/Llama-3.1-8B-Instruct", "L4", {}, "0.29", bytes));
  assert.equal(refused.verdict.kind, "refused");
  assert.match(
    refused.verdict.engineMessage ?? "",
    /max seq len \(131072\), \(16\.0 GiB KV cache is needed.*maximum model length is 36928\. /,
  );
  assert.ok(refused.verdict.suggestions.length > 0);
  const auto = plan(
    request("meta-llama/Llama-3.1-8B-Instruct", "L4", { "max-model-len": "auto" }, "0.29", bytes),
  );
  assert.equal(auto.kv?.maxModelLen, 36_928);
  assert.equal(auto.kv?.numTokens.expected, 36_944);
});

test("the validation table of §10.2: printed integers of real logs", () => {
  const llama = plan(
    request("meta-llama/Llama-3.1-8B-Instruct", "H100", { "max-model-len": "4096" }, "0.29", 59_212_694_937),
  );
  assert.equal(llama.kv?.numBlocks.expected, 28_234);
  assert.equal(
    llama.expectedLog.at(-1),
    "GPU KV cache size: 451,744 tokens, Maximum concurrency for 4,096 tokens per request: 110.29x",
  );
  const small = plan(request("Qwen/Qwen3-0.6B", "H100", { "block-size": "128" }, "0.29", 54.98 * gib));
  assert.equal(small.kv?.numBlocks.expected, 4_021);
  assert.equal(small.kv?.numTokens.expected, 514_688);
});

test("a hybrid of full attention and gated delta nets: the block grows until its page holds a state", () => {
  const facts = parseModelConfig("hybrid-27b", {
    architectures: ["Qwen3_5ForCausalLM"],
    num_hidden_layers: 64,
    hidden_size: 5120,
    num_attention_heads: 24,
    num_key_value_heads: 4,
    head_dim: 256,
    intermediate_size: 17_408,
    vocab_size: 248_320,
    tie_word_embeddings: false,
    max_position_embeddings: 262_144,
    full_attention_interval: 4,
    linear_num_key_heads: 16,
    linear_num_value_heads: 48,
    linear_key_head_dim: 128,
    linear_value_head_dim: 128,
    linear_conv_kernel_dim: 4,
    mamba_ssm_dtype: "float32",
    dtype: "bfloat16",
  });
  const base = { ...request("Qwen/Qwen3-0.6B", "H100", {}, "0.27", 4.99 * gib), model: facts };
  const answer = plan({
    ...base,
    flags: { tp: "2", "kv-cache-dtype": "fp8", "max-model-len": "131072" },
  });
  assert.equal(answer.kv?.blockSize, 1568);
  assert.equal(answer.kv?.bytesPerBlock, 25_690_112);
  assert.equal(answer.kv?.numBlocks.expected, 208);
  assert.equal(answer.kv?.numTokens.expected, 302_921);
});

test("versions differ: the default share, the graph charge, the null block", () => {
  const shareOf = (version: string): unknown =>
    plan(request("Qwen/Qwen2.5-7B-Instruct", "L40S", {}, version)).settings["gpu-memory-utilization"]?.value;
  assert.equal(shareOf("0.20"), 0.9);
  assert.equal(shareOf("0.21"), 0.92);
  const chargedIn = (version: string): boolean =>
    plan(request("Qwen/Qwen2.5-7B-Instruct", "L40S", {}, version)).components.find(
      ({ name }) => name === "graphs",
    )?.isBudgeted ?? false;
  assert.deepEqual(["0.20", "0.21", "0.27", "0.29"].map(chargedIn), [false, true, false, true]);
  const exactly = 2048 * 57_344;
  const ended = (version: string): string =>
    plan(request("Qwen/Qwen2.5-7B-Instruct", "L40S", { "max-model-len": "2048" }, version, exactly)).verdict
      .kind;
  assert.equal(ended("0.27"), "fits");
  assert.equal(ended("0.28"), "refused");
});

test("V0: a length beyond the pool is refused in its words, and CPU blocks come from the swap space", () => {
  const answer = plan(
    request("meta-llama/Meta-Llama-3.1-8B-Instruct", "RTX 3090", {}, "0.6", 2572 * 2_097_152),
  );
  assert.match(
    answer.verdict.engineMessage ?? "",
    /max seq len \(131072\) is larger than .* KV cache \(41152\)/,
  );
  const started = plan(
    request("meta-llama/Meta-Llama-3.1-8B-Instruct", "RTX 3090", { "max-model-len": "8192" }, "0.6"),
  );
  assert.match(started.expectedLog.join("\n"), /# CPU blocks: 2048/);
});

test("what vLLM refuses is refused: shares, splits, batches, unknown flags and dtypes, each with what would do", () => {
  const ask = (flags: FlagValues) => (): unknown =>
    plan(request("Qwen/Qwen2.5-7B-Instruct", "L4", flags, "0.29"));
  const refusals: readonly (readonly [FlagValues, RegExp, RegExp])[] = [
    [{ "gpu-memory-utilization": "1.2" }, /must be in \(0, 1\]/, /such as 0\.9/],
    [{ tp: "3" }, /attention heads \(28\) must be divisible by tensor parallel size \(3\)/, /tp 2/],
    [
      { "max-num-batched-tokens": "64", "max-num-seqs": "128" },
      /\(64\).*\(128\)/,
      /--max-num-batched-tokens 128/,
    ],
    [{ "max-modle-len": "4096" }, /no flag --max-modle-len/, /--max-model-len/],
    [{ "gpu-memory-utilisation": "0.9" }, /no flag/, /--gpu-memory-utilization/],
    [{ "kv-cache-dtype": "fp9" }, /no KV cache dtype "fp9"/, /fp8/],
    [{ "max-num-seqs": "many" }, /max-num-seqs must be a whole number, .*; got many/, /--max-num-seqs VALUE/],
    [{ tp: "2", "tensor-parallel-size": "2" }, /same flag/, /once/],
    [{ "max-model-len": "long" }, /max-model-len must be a number of tokens or auto; got "long"/, /8192/],
  ];
  for (const [flags, message, hint] of refusals)
    assert.throws(
      ask(flags),
      (error: unknown) =>
        error instanceof PagodaError && message.test(error.message) && hint.test(error.hint ?? ""),
      JSON.stringify(flags),
    );
  const passed = plan(
    request("Qwen/Qwen2.5-7B-Instruct", "L4", { host: "0.0.0.0", "max-model-len": "8k" }, "0.29"),
  );
  assert.equal(
    passed.command.join(" "),
    "vllm serve Qwen/Qwen2.5-7B-Instruct --host 0.0.0.0 --max-model-len 8k",
  );
});

test("a card half taken by others: less is free than the share asks for", () => {
  const answer = plan({
    ...request("Qwen/Qwen2.5-0.5B", "RTX 4090", {}, "0.29"),
    usedBytes: 12 * gib,
  });
  assert.equal(answer.verdict.kind, "refused");
  assert.match(
    answer.verdict.engineMessage ?? "",
    /^Free memory on device cuda:0 \(11\.\d+\/23\.55 GiB\) on startup is less than/,
  );
  assert.match(answer.verdict.suggestions[0]?.flags.join(" ") ?? "", /--gpu-memory-utilization 0\.4\d/);
});

test("flags that move memory elsewhere: offloading shrinks the weights and grows the host, what is not counted is said", () => {
  const plain = plan(request("Qwen/Qwen2.5-7B-Instruct", "RTX 4090", {}, "0.29"));
  const offloaded = plan(request("Qwen/Qwen2.5-7B-Instruct", "RTX 4090", { "cpu-offload-gb": "4" }, "0.29"));
  assert.equal(
    (offloaded.kv?.available.expectedBytes ?? 0) - (plain.kv?.available.expectedBytes ?? 0),
    4 * gib,
  );
  assert.equal(offloaded.host.memoryBytes - plain.host.memoryBytes, 4 * gib);
  const reserved = plan(
    request("Qwen/Qwen2.5-7B-Instruct", "RTX 4090", { "mm-ipc-gpu-memory-gb": "1" }, "0.29"),
  );
  assert.equal((plain.kv?.available.expectedBytes ?? 0) - (reserved.kv?.available.expectedBytes ?? 0), gib);
  const drafted = plan(
    request(
      "Qwen/Qwen2.5-7B-Instruct",
      "RTX 4090",
      { "speculative-config": '{"method": "medusa", "model": "a/b", "num_speculative_tokens": 3}' },
      "0.29",
    ),
  );
  assert.match(drafted.warnings.join("\n"), /drafting by medusa holds in memory is not in this plan/);
});

test("a plan is frozen to its leaves", () => {
  const answer = plan(request("Qwen/Qwen2.5-0.5B", "RTX 4090", {}, "0.29"));
  assert.ok(
    Object.isFrozen(answer) && Object.isFrozen(answer.kv) && Object.isFrozen(answer.components[0]?.quantity),
  );
});
