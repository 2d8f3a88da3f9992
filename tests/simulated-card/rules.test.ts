/** Each rule of the simulated engines against a line that a real one has printed. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { budgetLine, pytorchPool, regionBytes, slabLine, slabOf, turbomindBlocks } from "./lmdeploy-rules.ts";
import {
  availableBytes,
  capacityLine,
  fitError,
  gib,
  numBlocks,
  requestedBytes,
  tooLittleFree,
} from "./vllm-rules.ts";

const log = (name: string): string =>
  readFileSync(new URL(`../fixtures/planner/logs/${name}.txt`, import.meta.url), "utf8");
const bytes = (gibibytes: number): number => gibibytes * 2 ** 30;

test("vLLM: the share is of the total, and the refusal for want of free memory is the logged one", () => {
  const real = log("vllm-0.27.1-free-memory");
  assert.ok(real.includes(tooLittleFree(bytes(21.9), bytes(23.55), 0.94)));
  assert.equal(gib(requestedBytes(bytes(79.19), 0.95)), "75.23");
  assert.equal(gib(bytes(16)), "16.0");
});

test("vLLM: what is left for KV is what was requested without consumed, transient and graph bytes", () => {
  // "14.0 GiB … 1.0 GiB for consumed memory …, 1.46 GiB for peak activation", of which 0.40 is the graphs' estimate.
  const real = log("vllm-0.32.0-started");
  assert.match(
    real,
    /\(0\.9, 14\.0 GiB\)\. Actual usage is 1\.0 GiB for consumed.*1\.46 GiB for peak activation/,
  );
  const available = availableBytes({
    requestedBytes: requestedBytes(bytes(15.55), 0.9),
    consumedBytes: bytes(1),
    transientBytes: bytes(1.06),
    graphBytes: bytes(0.4),
  });
  assert.match(real, /Available KV cache memory: 11\.54 GiB/);
  assert.ok(Math.abs(available - bytes(11.54)) < bytes(0.02), gib(available));
});

test("vLLM: blocks, tokens and concurrency of a log", () => {
  // Qwen2.5-0.5B: 24 layers, 2 heads of 64, 16 bits: 12,288 bytes a token; the log's own number of blocks.
  const blocks = 1_008_400 / 16;
  assert.ok(log("vllm-0.32.0-started").includes(capacityLine(blocks, 16, 32_768)));
  assert.ok(Math.abs(numBlocks(bytes(11.54), 12_288, 16) - blocks) <= bytes(0.005) / 196_608);
  // Llama-3.1-8B on an H100: 58.11 GiB, rounded.
  assert.ok(Math.abs(numBlocks(bytes(58.11), 131_072, 16) * 16 - 476_016) <= bytes(0.005) / 131_072 + 16);
});

test("vLLM: a request that does not fit is refused with its bytes and a length that does", () => {
  // vllm issue 25350: 5.59 GiB for 49,152 bytes a token; 10.12 GiB were needed, 122,080 tokens suggested.
  const [, most] =
    /\(221000\), \(10\.12 GiB KV cache is needed, .*maximum model length is (\d+)\./.exec(
      fitError(bytes(5.59), 49_152, 16, 221_000) ?? "",
    ) ?? [];
  assert.ok(Math.abs(Number(most) - 122_080) <= bytes(0.005) / 49_152 + 16, `${most}`);
  assert.match(fitError(bytes(0.0001), 49_152, 16, 16) ?? "", /No available memory for the cache blocks/);
  assert.equal(fitError(bytes(11), 49_152, 16, 221_000), null);
});

test("TurboMind: budget and slabs of a log, and the capacities of the specification", () => {
  const real = log("lmdeploy-32b-awq-24g");
  const [budget, free, share] = [...budgetLine(4818.07 * 2 ** 20, 0.8).matchAll(/[\d.]+/g)].map(Number);
  const [realBudget, realFree, realShare] = [
    ...(/Object cache budget.*/.exec(real)?.[0] ?? "").matchAll(/[\d.]+/g),
  ].map(Number);
  // The log rounds what is free to a hundredth.
  assert.ok(Math.abs((budget ?? 0) - (realBudget ?? 1)) < 0.011, `${budget} ${realBudget}`);
  assert.deepEqual([free, share], [realFree, realShare]);
  assert.ok(real.includes(slabLine(16_777_216)));
  for (const [object, share, expected] of [
    [8_388_608, 0.8, 2048],
    [8_388_608, 0.9, 2300],
    [12_582_912, 0.8, 1344],
    [3_670_016, 0.8, 4608],
  ] as const)
    assert.equal(turbomindBlocks(regionBytes(bytes(20), share), object), expected);
  assert.deepEqual(slabOf(12_582_912), { slabBytes: 256 * 2 ** 20, numObjects: 21 });
});

test("LMDeploy's PyTorch engine: blocks and runtime of a log, and its refusal", () => {
  // Llama-3-8B with 8-bit KV: 4,325,376 bytes a block, a vocabulary of 128,256.
  const real = log("lmdeploy-pytorch-started");
  const sizes = { prefillTokens: 4096, maxBatch: 64 };
  const { numBlocks: blocks, runtimeBytes } = pytorchPool(7953.5 * 2 ** 20, 0.8, 4_325_376, 128_256, sizes);
  assert.ok(
    real.includes(`num_gpu_blocks=${blocks}`) &&
      real.includes(`runtime memory: ${Math.trunc(runtimeBytes / 2 ** 20)} mb`),
  );
  // Qwen2.5-32B: 16,777,216 bytes a block, a vocabulary of 152,064; the log ends with "No enough gpu memory".
  const refused = pytorchPool(4871 * 2 ** 20, 0.8, 16_777_216, 152_064, {
    prefillTokens: 16_384,
    maxBatch: 128,
  });
  assert.equal(refused.numBlocks, null);
  assert.match(log("lmdeploy-pytorch-no-kv"), /No enough gpu memory for kv cache/);
});
