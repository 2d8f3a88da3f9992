/** What drafting, adapters and layers left out of a KV dtype add to a vLLM start, against sums done by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findDevice } from "../../../device/find-device.ts";
import { modelNamed } from "../../../model/catalogue.ts";
import type { FlagValues, Plan, PlanRequest } from "../../../plan/plan.ts";
import { gib } from "../../../quantity/bytes.ts";
import { exact } from "../../../quantity/quantity.ts";
import { plan } from "../../../search/plan.ts";

const llama = "meta-llama/Llama-3.1-8B-Instruct";

function planned(model: string, flags: FlagValues, extra: Partial<PlanRequest> = {}): Plan {
  return plan({
    model: modelNamed(model),
    device: findDevice("H100"),
    usedBytes: 0,
    engine: "vllm",
    version: "0.32.0",
    flags: { "max-model-len": "8192", ...flags },
    usage: "serve",
    ...extra,
  });
}

function weightsOf(answer: Plan): number {
  return answer.components.find(({ name }) => name === "weights")?.quantity.expectedBytes ?? 0;
}

const drafting = (config: object): FlagValues => ({ "speculative-config": JSON.stringify(config) });

test("n-gram drafting holds nothing", () => {
  const plain = planned(llama, {});
  const drafted = planned(llama, drafting({ method: "ngram", num_speculative_tokens: 4 }));
  assert.equal(weightsOf(drafted), weightsOf(plain));
  assert.equal(drafted.kv?.bytesPerBlock, plain.kv?.bytesPerBlock);
  assert.deepEqual(drafted.warnings, plain.warnings);
});

test("a draft model adds its own weights and its own layers to every block", () => {
  const draft = "meta-llama/Llama-3.2-1B-Instruct";
  const flags = drafting({ model: draft, num_speculative_tokens: 4 });
  const [plain, alone, drafted] = [planned(llama, {}), planned(draft, {}), planned(llama, flags)];
  const added = weightsOf(drafted) - weightsOf(plain);
  const buffers = 2 * 8192 * 2048 * 2;
  assert.equal(added, weightsOf(alone) + buffers);
  // 32 layers of 8 × 128 beside 16 of 8 × 64: 16 tokens, two sides, two bytes.
  assert.equal(plain.kv?.bytesPerBlock, 32 * 8 * 128 * 16 * 2 * 2);
  assert.equal(drafted.kv?.bytesPerBlock, 32 * 8 * 128 * 16 * 2 * 2 + 16 * 8 * 64 * 16 * 2 * 2);
  assert.ok((drafted.kv?.numTokens.expected ?? 0) < (plain.kv?.numTokens.expected ?? 0));
});

test("a draft that the catalogue lacks is refused by name, and taken where it is handed in", () => {
  const flags = drafting({ method: "draft_model", model: "nobody/tiny", num_speculative_tokens: 4 });
  assert.throws(() => planned(llama, flags), { code: "model_not_found", message: /nobody\/tiny/ });
  const draftModel = { ...modelNamed("meta-llama/Llama-3.2-1B-Instruct"), name: "nobody/tiny" };
  const named = drafting({ model: "meta-llama/Llama-3.2-1B-Instruct", num_speculative_tokens: 4 });
  assert.equal(weightsOf(planned(llama, flags, { draftModel })), weightsOf(planned(llama, named)));
});

test("EAGLE adds one layer to a block, prediction layers as many as the checkpoint carries", () => {
  const plain = planned(llama, {});
  const layer = (plain.kv?.bytesPerBlock ?? 0) / 32;
  for (const model of ["yuhuili/EAGLE-LLaMA3.1-Instruct-8B", "yuhuili/EAGLE3-LLaMA3.1-Instruct-8B"]) {
    const drafted = planned(llama, drafting({ model, num_speculative_tokens: 3 }));
    assert.equal(drafted.kv?.bytesPerBlock, 33 * layer, model);
    const weights = drafted.components.find(({ name }) => name === "weights")?.quantity;
    assert.equal(weights?.evidence.kind, "estimated");
    assert.match(weights?.evidence.why ?? "", /eagle3? head shaped after the target/);
  }
  const deep = "deepseek-ai/DeepSeek-V3";
  const cards = { tp: "8" };
  const target = planned(deep, cards, { device: findDevice("H200") });
  const predicted = planned(
    deep,
    { ...cards, ...drafting({ method: "mtp", num_speculative_tokens: 1 }) },
    { device: findDevice("H200") },
  );
  assert.equal(modelNamed(deep).numDraftLayers, 1);
  assert.equal((predicted.kv?.bytesPerBlock ?? 0) / 62, (target.kv?.bytesPerBlock ?? 0) / 61);
  assert.ok(weightsOf(predicted) - weightsOf(target) > weightsOf(target) / 61);
});

test("what vLLM refuses of --speculative-config is refused, with what it takes", () => {
  const refusals = [
    [{ "speculative-config": "{method" }, /not JSON/],
    [{ "speculative-config": "[1]" }, /not a JSON object/],
    [drafting({ method: "eagel3", num_speculative_tokens: 2 }), /no speculative method "eagel3"/],
    [drafting({ method: "ngram" }), /num_speculative_tokens was not provided/],
    [drafting({ method: "ngram", num_speculative_tokens: 0 }), /num_speculative_tokens of .* is 0/],
    [drafting({ method: "eagle", num_speculative_tokens: 2 }), /needs a draft model/],
    [
      { tp: "4", ...drafting({ method: "mtp", num_speculative_tokens: 1, draft_tensor_parallel_size: 2 }) },
      /the target runs on 4 ranks/,
    ],
  ] as const;
  for (const [flags, message] of refusals)
    assert.throws(() => planned(llama, flags), { code: "plan_invalid", message });
});

test("the draft sits on the last pipeline stage alone", () => {
  const flags = {
    pp: "2",
    ...drafting({ model: "meta-llama/Llama-3.2-1B-Instruct", num_speculative_tokens: 4 }),
  };
  const measured = { availableKv: exact(20 * gib, "given") };
  const drafted = planned(llama, flags, { measured });
  assert.equal(drafted.kv?.bytesPerBlock, 16 * 8 * 128 * 16 * 2 * 2 + 16 * 8 * 64 * 16 * 2 * 2);
});

test("LoRA slots are the A and B of every matrix, times slots and rank", () => {
  const flags = { "enable-lora": true, "max-loras": "4", "max-lora-rank": "64" } as const;
  const added = weightsOf(planned(llama, flags)) - weightsOf(planned(llama, {}));
  const [hidden, wide, kv, vocabulary] = [4096, 14_336, 1024, 128_256];
  const layer = 3 * hidden + hidden + 2 * kv + (hidden + hidden) + (2 * hidden + 2 * wide) + (wide + hidden);
  const bytes = 4 * 64 * 2 * (32 * layer + 2 * (hidden + vocabulary));
  // What is more than the tensors is the allocator's: it hands out segments.
  assert.ok(added >= bytes && added < 1.03 * bytes, `${added} for ${bytes}`);
  const halved = { ...flags, tp: "2" };
  const sharded = { ...halved, "fully-sharded-loras": true } as const;
  assert.ok(weightsOf(planned(llama, sharded)) < weightsOf(planned(llama, halved)));
});

test("LoRA values that vLLM refuses", () => {
  const lora = { "enable-lora": true } as const;
  assert.throws(() => planned(llama, { ...lora, "max-lora-rank": "48" }), { hint: /--max-lora-rank 64/ });
  assert.throws(
    () => planned(llama, { ...lora, "max-loras": "4", "max-cpu-loras": "2" }),
    /must be >= max_loras \(4\)/,
  );
  assert.equal(weightsOf(planned(llama, { "max-lora-rank": "64" })), weightsOf(planned(llama, {})));
});

test("layers left out of an fp8 cache keep two bytes a number, and the block grows to 32 tokens", () => {
  const flags = { "kv-cache-dtype": "fp8", "kv-cache-dtype-skip-layers": "0,31" };
  const answer = planned(llama, flags);
  assert.equal(answer.kv?.blockSize, 32);
  const token = 8 * 128 * 2;
  assert.equal(answer.kv?.bytesPerBlock, 32 * token * 30 + 32 * token * 2 * 2);
  assert.ok(!answer.warnings.some((line) => line.includes("skip-layers")));
  assert.throws(() => planned(llama, { ...flags, "kv-cache-dtype-skip-layers": "first" }), /names "first"/);
  const unquantized = planned(llama, { "kv-cache-dtype-skip-layers": "0" });
  assert.equal(unquantized.kv?.bytesPerBlock, planned(llama, {}).kv?.bytesPerBlock);
});

const seeing = "QuantTrio/Qwen3-VL-235B-A22B-Instruct-FP8";

test("the image tower and its activations go where only text is served", () => {
  const withImages = planned(seeing, { "tensor-parallel-size": "8" });
  const ways: readonly FlagValues[] = [
    { "language-model-only": true },
    { "limit-mm-per-prompt": '{"image":0,"video":{"count":0}}' },
    { "limit-mm-per-prompt": "image=0,video=0" },
  ];
  for (const way of ways) {
    const text = planned(seeing, { "tensor-parallel-size": "8", ...way });
    assert.ok(weightsOf(withImages) - weightsOf(text) > 0.1 * gib, JSON.stringify(way));
    assert.ok(peakOf(withImages) - peakOf(text) > 0.1 * gib, JSON.stringify(way));
  }
  const stillVideo = planned(seeing, { "tensor-parallel-size": "8", "limit-mm-per-prompt": '{"image":0}' });
  assert.equal(weightsOf(stillVideo), weightsOf(withImages));
});

function partOf(answer: Plan, name: string): number {
  return answer.components.find((part) => part.name === name)?.quantity.expectedBytes ?? 0;
}

const peakOf = (answer: Plan): number => partOf(answer, "activations");
const graphsOf = (flags: FlagValues): number => partOf(planned(llama, flags), "graphs") / gib;

test("graphs cost by the number of captured sizes", () => {
  // 32 layers: 51 sizes of mixed batches and 35 of decoding, 5 and 4 with eight sequences.
  assert.ok(Math.abs(graphsOf({ "max-num-seqs": "256" }) - 0.446) < 0.001);
  assert.ok(Math.abs(graphsOf({ "max-num-seqs": "8" }) - 0.0736) < 0.001);
  const stated = [
    { "cudagraph-capture-sizes": "1 2 4 8" },
    { "cudagraph-capture-sizes": ["1", "2", "4", "8"] },
    { "compilation-config": '{"cudagraph_capture_sizes":[1,2,4,8]}' },
    { "max-cudagraph-capture-size": "8" },
  ];
  for (const flags of stated) assert.ok(Math.abs(graphsOf(flags) - 0.0687) < 0.001, JSON.stringify(flags));
  assert.equal(graphsOf({ "enforce-eager": true }), 0);
});

function kvOf(model: string, version: string, flags: FlagValues, gibs: number): Plan["kv"] {
  return planned(model, flags, { version, measured: { availableKv: exact(gibs * gib, "log") } }).kv;
}

test("before 0.20.1 decode context parallel multiplies the printed tokens (vLLM recipe of Kimi K2 Thinking)", () => {
  const model = "moonshotai/Kimi-K2-Thinking";
  const flags = { "tensor-parallel-size": "8", "max-model-len": "131072" };
  const tokensAt = (ranks: string, gibs: number): number =>
    kvOf(model, "0.11.1", { ...flags, "decode-context-parallel-size": ranks }, gibs)?.numTokens.expected ?? 0;
  assert.ok(tokensAt("1", 46.795) <= 715_072 && 715_072 <= tokensAt("1", 46.806));
  assert.ok(tokensAt("8", 46.795) <= 5_721_088 && 5_721_088 <= tokensAt("8", 46.806));
});

test("0.20.0 still prints tokens by groups, 0.20.1 by concurrency", () => {
  const tokens = (version: string): number =>
    kvOf("openai/gpt-oss-20b", version, { "max-model-len": "131072" }, 10)?.numTokens.expected ?? 0;
  assert.equal(tokens("0.20.0"), tokens("0.19.0"));
  assert.equal(tokens("0.20.1"), tokens("0.21.0"));
  assert.ok(tokens("0.20.1") > tokens("0.20.0") * 1.5);
});

test("states of a hybrid model take a second block where prefixes are cached on request (a log of 0.16.1, 6.82)", () => {
  const model = "cyankiwi/Qwen3.5-9B-AWQ-BF16-INT8";
  const flags = {
    "max-model-len": "16384",
    "kv-cache-dtype": "fp8",
    "max-num-batched-tokens": "4096",
    "mamba-ssm-cache-dtype": "float32",
  };
  const asked = kvOf(model, "0.16.1", { ...flags, "enable-prefix-caching": true }, 2.43);
  assert.equal(asked?.concurrency.expected.toFixed(2), "6.82");
  assert.equal(kvOf(model, "0.16.1", flags, 2.43)?.concurrency.expected.toFixed(2), "7.89");
});

test("of pipeline stages the one with most layers sets the tokens (Qwen3-235B-FP8 over four cards: 555,680)", () => {
  const flags = { "pipeline-parallel-size": "4", "max-model-len": "32768" };
  const tokens =
    kvOf("Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "0.21.0", flags, 26.84)?.numTokens.expected ?? 0;
  assert.ok(Math.abs(tokens - 555_680) < 0.012 * 555_680, `${tokens}`);
});

test("an embedder samples nothing and captures no decoding", () => {
  const serving = planned("Qwen/Qwen3-0.6B", {});
  for (const flags of [{ runner: "pooling" }, { task: "embed" }, { convert: "embed" }]) {
    const pooling = planned("Qwen/Qwen3-0.6B", flags);
    assert.ok(peakOf(pooling) < peakOf(serving) / 2, JSON.stringify(flags));
    assert.ok(partOf(pooling, "graphs") < partOf(serving, "graphs"), JSON.stringify(flags));
  }
  const named = planned(
    "Qwen/Qwen3-0.6B",
    {},
    { model: { ...modelNamed("Qwen/Qwen3-0.6B"), name: "Qwen/Qwen3-Embedding-0.6B" } },
  );
  assert.ok(peakOf(named) < peakOf(serving) / 2);
});

test("experts over data-parallel ranks have two communicators more (vLLM recipes pull 12: 48.66 GiB of H20-3e)", () => {
  const flags: FlagValues = { "data-parallel-size": "8", "enable-expert-parallel": true };
  const config = "Qwen/Qwen3-235B-A22B-FP8";
  const added =
    partOf(planned(config, flags, { version: "0.10.1" }), "persistent") -
    partOf(planned(config, {}, { version: "0.10.1" }), "persistent");
  assert.ok(Math.abs(added - 3.7 * gib) < 0.01 * gib);
});

test("--kv-cache-memory-bytes is refused before 0.11, and fp8 KV is not advised before Ada", () => {
  const flags = { "kv-cache-memory-bytes": "1000000000" };
  assert.throws(() => planned(llama, flags, { version: "0.10.2" }), {
    message: /has no --kv-cache-memory-bytes/,
  });
  assert.equal(planned(llama, flags, { version: "0.11.0" }).kv?.available.expectedBytes, 1e9);

  const advice = (gpu: string): string =>
    JSON.stringify(
      planned(
        "Qwen/Qwen2.5-7B-Instruct",
        { "max-model-len": "32768", "gpu-memory-utilization": "0.75" },
        { device: findDevice(gpu) },
      ).verdict.suggestions,
    );
  assert.doesNotMatch(advice("RTX 3090"), /kv-cache-dtype/);
});
