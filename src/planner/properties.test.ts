/** What must hold for every plan, over random models, cards and flags. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { planReplicas } from "./copies/replicas.ts";
import { withTotal } from "./device/device.ts";
import { findDevice } from "./device/find-device.ts";
import { engineRules } from "./engines/engines.ts";
import { modelNamed } from "./model/catalogue.ts";
import type { PlanRequest } from "./plan/plan.ts";
import { gib } from "./quantity/bytes.ts";
import { plan } from "./search/plan.ts";
import { fitPlan } from "./search/search-flags.ts";

const models = [
  "Qwen/Qwen2.5-0.5B",
  "Qwen/Qwen2.5-7B-Instruct",
  "Qwen/Qwen2.5-14B-Instruct-AWQ",
  "meta-llama/Llama-3.1-8B-Instruct",
  "openai/gpt-oss-20b",
  "google/gemma-2-27b-it",
  "Qwen/Qwen3-30B-A3B",
] as const;
const model = fc.constantFrom(...models);
const card = fc.constantFrom("L4", "RTX 4090", "A100-80GB", "H100");

function request(
  name: string,
  gpu: string,
  engine: string,
  flags: Record<string, string>,
  totalBytes: number | null = null,
): PlanRequest {
  const device = findDevice(gpu);
  return {
    model: modelNamed(name),
    device: totalBytes === null ? device : withTotal(device, totalBytes, "visible"),
    usedBytes: 0,
    engine,
    version: null,
    flags,
    usage: "serve",
  };
}

test("every flag that takes several words is planned with two of them", () => {
  const words = { "kv-cache-dtype-skip-layers": ["0", "1"] } as Readonly<Record<string, readonly string[]>>;
  for (const { id, flags, runsOn } of engineRules) {
    if (runsOn === "processors") continue;
    for (const { name, kind } of flags) {
      if (kind !== "list") continue;
      const listed = { [name]: words[name] ?? ["4", "8"] };
      const answer = plan({ ...request("Qwen/Qwen2.5-7B-Instruct", "H100", id, {}), flags: listed });
      assert.equal(answer.verdict.kind, "fits", `${id} --${name}`);
    }
  }
});

/** Batch sizes and prefill held fixed, so that only memory changes. */
const fixed = {
  vllm: { "max-num-seqs": "64", "max-num-batched-tokens": "2048", "max-model-len": "2048" },
  lmdeploy: {
    backend: "turbomind",
    "max-batch-size": "16",
    "max-prefill-token-num": "2048",
    "session-len": "4096",
  },
} as const;

test("more memory never gives fewer tokens", () => {
  for (const engine of ["vllm", "lmdeploy"] as const)
    fc.assert(
      fc.property(
        model,
        fc.integer({ min: 8, max: 120 }),
        fc.integer({ min: 1, max: 64 }),
        (name, small, more) => {
          const tokens = (size: number): number =>
            plan(request(name, "A100-80GB", engine, { ...fixed[engine] }, size * gib)).kv?.numTokens
              .expected ?? 0;
          assert.ok(tokens(small + more) >= tokens(small));
        },
      ),
      { numRuns: 60 },
    );
});

test("LMDeploy's PyTorch engine is the exception: where the halving ends, more memory can give fewer blocks", () => {
  const blocks = (bytes: number): number => {
    const given = request(
      "Qwen/Qwen2.5-0.5B",
      "A100-80GB",
      "lmdeploy",
      { backend: "pytorch", "max-batch-size": "1" },
      bytes,
    );
    return plan(given).kv?.numBlocks.expected ?? 0;
  };
  let falls = 0;
  let previous = 0;
  for (let bytes = 2.5 * gib; bytes < 6 * gib; bytes += gib / 512) {
    const now = blocks(bytes);
    if (now < previous) falls++;
    previous = now;
  }
  assert.ok(falls > 0);
});

test("without overrides, blocks times bytes stay inside what is available", () => {
  for (const engine of ["vllm", "lmdeploy"] as const)
    fc.assert(
      fc.property(model, card, (name, gpu) => {
        const { kv } = plan(request(name, gpu, engine, { ...fixed[engine] }));
        assert.ok(
          kv !== null && kv.numBlocks.expected * kv.bytesPerBlock <= Math.max(0, kv.available.expectedBytes),
        );
      }),
      { numRuns: 60 },
    );
});

test("intervals are ordered, in bytes and in counts", () => {
  fc.assert(
    fc.property(
      model,
      card,
      fc.constantFrom("0.6", "0.9", "0.19.0", "0.21", "0.26", "0.32.0"),
      (name, gpu, version) => {
        const answer = plan({ ...request(name, gpu, "vllm", { "max-model-len": "2048" }), version });
        for (const { quantity } of answer.components)
          assert.ok(
            quantity.lowBytes <= quantity.expectedBytes && quantity.expectedBytes <= quantity.highBytes,
          );
        const tokens = answer.kv?.numTokens;
        assert.ok(tokens !== undefined && tokens.low <= tokens.expected && tokens.expected <= tokens.high);
      },
    ),
    { numRuns: 80 },
  );
});

test("the inverse of a plan is a plan that serves what was asked", () => {
  fc.assert(
    fc.property(
      model,
      card,
      fc.constantFrom("vllm", "lmdeploy"),
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 256, max: 4096 }),
      (name, gpu, engine, users, contextTokens) => {
        const { best } = fitPlan(request(name, gpu, engine, {}), { users, contextTokens });
        if (best === null) return;
        const again = plan({ ...request(name, gpu, engine, {}), flags: best.flags });
        assert.equal(again.verdict.kind, "fits");
        assert.ok(
          (again.kv?.concurrency.expected ?? 0) * (again.kv?.maxModelLen ?? 0) >=
            users * Math.min(contextTokens, again.kv?.maxModelLen ?? 0) * 0.99,
        );
      },
    ),
    { numRuns: 40 },
  );
});

test("among given quantizations the first that serves is taken, and the next are named with what they cost", () => {
  const given = request("Qwen/Qwen2.5-14B-Instruct", "RTX 4090", "vllm", {});
  const wish = { users: 4, contextTokens: 4096 };
  const { best, alternatives } = fitPlan(given, wish, { quantizations: ["none", "fp8", "awq"] });
  assert.equal(best?.quantization, "fp8");
  assert.match(best?.limit ?? "", /weights|KV/);
  assert.ok(alternatives.some(({ quantization }) => quantization === "awq"));
  const weights = (answer: typeof best | undefined): number =>
    answer?.plan.components.find(({ name }) => name === "weights")?.quantity.expectedBytes ?? 0;
  assert.ok(weights(best) > weights(alternatives.find(({ quantization }) => quantization === "awq")));
  const other = fitPlan(given, wish, { quantizations: ["awq", "fp8"] });
  assert.equal(other.best?.quantization, "awq");
  assert.throws(() => fitPlan(given, wish, { quantizations: ["awk"] }), {
    code: "model_unsupported",
    hint: /nearest known one is awq/,
  });
});

test("identical instances that are said to fit sum to at most the card", () => {
  fc.assert(
    fc.property(
      model,
      card,
      fc.constantFrom("0.15", "0.22", "0.3", "0.45"),
      fc.integer({ min: 1, max: 6 }),
      (name, gpu, share, wanted) => {
        const given = request(name, gpu, "vllm", {
          "gpu-memory-utilization": share,
          "max-model-len": "2048",
        });
        const { instances } = planReplicas(given, wanted);
        const held = instances.reduce((total, instance) => total + instance.heldBytes, 0);
        assert.ok(held <= given.device.total.highBytes, `${held}`);
      },
    ),
    { numRuns: 60 },
  );
});

test("a flag that the planner does not know is passed on, and the plan says so", () => {
  const base = {
    model: modelNamed("Qwen/Qwen2.5-7B-Instruct"),
    device: findDevice("L4"),
    usedBytes: 0,
    engine: "vllm",
    version: null,
    usage: "serve",
  } as const;
  const answer = plan({ ...base, flags: { frobnicate: "1", "max-model-len": "4096" } });
  assert.ok(answer.warnings.includes("Passed on to vLLM and not planned with: --frobnicate."));
  assert.deepEqual(answer.command.slice(-4), ["--frobnicate", "1", "--max-model-len", "4096"]);
  assert.ok(!plan({ ...base, flags: {} }).warnings.some((text) => text.startsWith("Passed on")));
});
