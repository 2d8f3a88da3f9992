/**
 * Published configurations of 2025 and 2026 (tests/fixtures/planner/configs-2026, the fields that say something of memory):
 * none is refused, and the parameters that their fields give are those of the names and of the model cards.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../src/core/errors.ts";
import {
  findDevice,
  type ModelFacts,
  parseConfigText,
  parseModelConfig,
  plan,
} from "../src/planner/index.ts";
import { countParameters } from "../src/planner/model/weights/rank-tensors.ts";
import { rankWeights } from "../src/planner/model/weights/rank-weights.ts";

const folder = join(import.meta.dirname, "fixtures/planner/configs-2026");

function objectIn(path: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(parseConfigText(readFileSync(path, "utf8")) ?? {}));
}

function factsOf(name: string): ModelFacts {
  const beside = join(folder, name, "hf_quant_config.json");
  return parseModelConfig(name, objectIn(join(folder, name, "config.json")), {
    quantConfig: existsSync(beside) ? objectIn(beside) : null,
  });
}

const whole = { tensorParallel: 1, pipelineParallel: 1, expertParallel: 1 };
const weightsGib = (facts: ModelFacts): number => rankWeights(facts, whole).expectedBytes / 2 ** 30;

/** Billions of parameters, without the layers for drafting. */
const parameters: Readonly<Record<string, number>> = {
  "DeepSeek-V4-Flash": 284,
  "DeepSeek-V4-Pro": 1573,
  "GLM-5": 744,
  "GLM-5.2": 743,
  "MiniMax-M2.7": 229,
  "MiniMax-M3": 426,
  "Kimi-K3": 2779,
  "MiMo-V2-Flash": 309,
  "Step-3.7-Flash": 196,
  "Llama-3_3-Nemotron-Super-49B-v1": 49.9,
  "NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4": 121,
  "NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16": 549,
  "NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4": 31.6,
  "Nemotron-H-56B-Base-8K": 56.3,
  "Qwen3-Coder-480B-A35B-Instruct": 480,
  "Qwen3.6-27B-NVFP4": 27.4,
};

test("every configuration is read, and its fields give the published number of parameters", () => {
  assert.deepEqual(Object.keys(parameters).sort(), readdirSync(folder).sort());
  for (const [name, billions] of Object.entries(parameters)) {
    const counted = countParameters(factsOf(name)) / 1e9;
    assert.ok(Math.abs(counted - billions) <= 0.005 * billions, `${name}: ${counted}`);
  }
});

test("four-bit experts, mixed formats and exclusions give the size of the published files", () => {
  // Sizes of the repositories' safetensors: 160 GB and 865 GB of DeepSeek V4, 67 GB of Nemotron 3 Super.
  assert.ok(Math.abs(weightsGib(factsOf("DeepSeek-V4-Flash")) - 148.2) < 1);
  assert.ok(Math.abs(weightsGib(factsOf("DeepSeek-V4-Pro")) - 800) < 5);
  assert.ok(Math.abs(weightsGib(factsOf("NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4")) - 64.9) < 1);
  // Feed-forwards in four bits, attention in eight, embedding and drafts in sixteen.
  const mixed = factsOf("Qwen3.6-27B-NVFP4");
  assert.ok(weightsGib(mixed) > 19 && weightsGib(mixed) < 20.5, `${weightsGib(mixed)}`);
  const plain = weightsGib({ ...mixed, quantization: null });
  assert.ok(plain > 50);
});

test("groups of compressed-tensors with targets are exceptions to the one of all layers", () => {
  const group = (bits: number, targets: string[], type = "int") => ({
    targets,
    weights: { num_bits: bits, type, group_size: bits === 4 ? 128 : null, strategy: "group" },
  });
  const config = { ...objectIn(join(folder, "Qwen3-Coder-480B-A35B-Instruct", "config.json")) };
  const facts = (groups: unknown): ModelFacts =>
    parseModelConfig("x", {
      ...config,
      quantization_config: {
        quant_method: "compressed-tensors",
        format: "mixed-precision",
        config_groups: groups,
        ignore: ["lm_head"],
      },
    });
  const allEight = facts({ a: group(8, ["Linear"], "float") });
  const mixed = facts({ a: group(8, ["re:.*self_attn.*"], "float"), b: group(4, ["re:.*mlp.experts.*"]) });
  // A checkpoint whose first group covers attention alone: its experts are not of that format.
  assert.ok(weightsGib(allEight) > 440 && weightsGib(allEight) < 460, `${weightsGib(allEight)}`);
  assert.ok(weightsGib(mixed) > 220 && weightsGib(mixed) < 245, `${weightsGib(mixed)}`);
});

test("a configuration with a zero for none starts: 480B over eight H20, experts split", () => {
  const facts = { ...factsOf("Qwen3-Coder-480B-A35B-Instruct") };
  const fp8 = parseModelConfig("x", {
    ...objectIn(join(folder, "Qwen3-Coder-480B-A35B-Instruct", "config.json")),
    quantization_config: { quant_method: "fp8", weight_block_size: [128, 128] },
  });
  assert.equal(facts.layers[0]?.feedForward.kind, "experts");
  const answer = plan({
    model: fp8,
    device: findDevice("H20-3e"),
    usedBytes: 0,
    engine: "vllm",
    version: "0.10",
    flags: { "data-parallel-size": "8", "enable-expert-parallel": true },
    usage: "serve",
  });
  assert.equal(answer.verdict.failure, "requestTooLong");
});

test("sparse attention caches its index beside, compressed attention one state for several tokens", () => {
  const bytesPerToken = (name: string, flags: Record<string, string>): number =>
    plan({
      model: factsOf(name),
      device: findDevice("B300"),
      usedBytes: 0,
      engine: "vllm",
      version: null,
      flags,
      usage: "serve",
    }).kv?.bytesPerToken ?? 0;
  const eight = { "tensor-parallel-size": "8" };
  assert.equal(bytesPerToken("GLM-5", eight), 78 * (576 * 2 + 132));
  assert.equal(bytesPerToken("GLM-5", { ...eight, "kv-cache-dtype": "fp8" }), 78 * (656 + 132));
  // 57 of GLM-5.2's 78 layers read the index of an earlier one.
  assert.equal(bytesPerToken("GLM-5.2", eight), 78 * 576 * 2 + 21 * 132);
  assert.equal(bytesPerToken("MiniMax-M3", eight), 60 * 2 * 128 * 2 + 57 * 128 * 2);
  // 21 layers of 4 to 1 with an index, 20 of 128 to 1, two of a window alone.
  assert.equal(bytesPerToken("DeepSeek-V4-Flash", eight), (21 * (584 + 132)) / 4 + (20 * 584) / 128);
});

test("an unknown architecture: no misleading guess, a question, and a plan from its fields on request", () => {
  const config = { ...objectIn(join(folder, "GLM-5", "config.json")), architectures: ["ZorgonForCausalLM"] };
  assert.throws(
    () => parseModelConfig("x", config),
    (error: unknown) =>
      error instanceof PagodaError &&
      error.code === "model_unsupported" &&
      /No near match is known\. .*--assume-dense/.test(error.hint ?? ""),
  );
  assert.throws(
    () => parseModelConfig("x", { ...config, architectures: ["Qwen3_7ForCausalLM"] }),
    (error: unknown) => error instanceof PagodaError && /Near by name: Qwen3/.test(error.hint ?? ""),
  );
  const facts = parseModelConfig("x", config, { assumesFields: true });
  assert.match(facts.assumed.join(), /estimated from fields alone/);
  assert.equal(rankWeights(facts, whole).evidence.kind, "estimated");
});

test("Infinity and NaN stand for themselves outside strings, as Python writes them", () => {
  assert.deepEqual(parseConfigText('{"a": [0.0, Infinity, -Infinity], "b": NaN, "c": "NaN Infinity"}'), {
    a: [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    b: null,
    c: "NaN Infinity",
  });
  assert.throws(() => parseConfigText("{a: 1}"), SyntaxError);
});
