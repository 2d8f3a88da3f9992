import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PagodaError } from "../../../core/errors.ts";
import type { ModelShape } from "../../../core/footprint.ts";
import { arenaPageBytes } from "./buffer-sizes.ts";
import { cpuFootprint } from "./cpu-footprint.ts";
import type { CpuLimits } from "./cpu-limits.ts";

const hidden = 64;
const matrix = (name: string, layer: number | null, numRows: number) =>
  ({ name, role: "matrix", numRows, numCols: hidden, storage: "q4", layer }) as const;

/** Two layers of one matrix each, an embedding of 100 rows, one buffer of each kind. */
const shape: ModelShape = {
  weights: [
    matrix("embedding", null, 100),
    { name: "norm", role: "vector", numRows: 1, numCols: hidden, storage: "f32", layer: null },
    matrix("layer 0", 0, 64),
    matrix("layer 1", 1, 64),
  ],
  buffers: [
    { name: "hidden", rows: "tokens", width: hidden },
    { name: "logits", rows: "outputs", width: 100 },
  ],
  kvLayers: [
    { numKvHeads: 2, headDim: 32 },
    { numKvHeads: 2, headDim: 32 },
  ],
  ropeTables: [{ inverseFrequencies: Array(16).fill(1) }],
  vocabularyWidth: 100,
  body: [
    { kind: "embed" },
    { kind: "attention", numHeads: 4, kvLayer: 0 },
    { kind: "attention", numHeads: 4, kvLayer: 1 },
  ],
  head: [{ kind: "gatherOutputs" }],
};

const limits: CpuLimits = {
  blockSize: 16,
  numBlocks: 100,
  kvDtype: "f16",
  maxModelLen: 128,
  maxNumSeqs: 4,
  maxNumBatchedTokens: 32,
  maxLogprobs: 5,
  numThreads: 2,
};

describe("footprint", () => {
  it("weights: row packs of 160-byte groups, the last row pack padded; vectors in f32", () => {
    const rowPackBytes = (hidden / 32) * 160;
    const expected = 13 * rowPackBytes + 4 * hidden + 2 * (8 * rowPackBytes);
    assert.equal(cpuFootprint(shape, limits).components.weights, expected);
  });

  it("KV pool: K and V of every head, token and block, times the bytes of a number", () => {
    const numNumbers = 2 * 2 * 32 * 16 * limits.numBlocks * shape.kvLayers.length;
    assert.equal(cpuFootprint(shape, limits).components.kvPool, 2 * numNumbers);
    const int8 = cpuFootprint(shape, { ...limits, kvDtype: "int8" }).components.kvPool;
    const numParams = 2 * 2 * 16 * limits.numBlocks * shape.kvLayers.length;
    assert.equal(int8, numNumbers + 4 * numParams);
  });

  it("workspace: rows are tokens of a step, or output rows of one piece of the head", () => {
    const { items } = cpuFootprint(shape, limits);
    const bytesOf = (name: string): number | undefined => items.find((item) => item.name === name)?.numBytes;
    assert.equal(bytesOf("hidden"), 32 * hidden * 4);
    assert.equal(bytesOf("logits"), Math.ceil((4 * 100 * 4) / 64) * 64);
    assert.equal(bytesOf("quantized input"), (32 / 4) * (hidden / 32) * 160);
  });

  it("components add up to the arenas, in whole pages", () => {
    const { components, totalBytes, arenaBytes } = cpuFootprint(shape, limits);
    const sum = components.weights + components.workspace + components.kvPool + components.tables;
    assert.equal(sum, totalBytes);
    assert.equal(
      arenaBytes.reduce((total, numBytes) => total + numBytes),
      totalBytes,
    );
    assert.ok(arenaBytes.every((numBytes) => numBytes % arenaPageBytes === 0));
  });

  it("when an arena is full, the next layers go to another one; bytes of weights and KV stay the same", () => {
    const whole = cpuFootprint(shape, limits);
    const spread = cpuFootprint(shape, limits, whole.totalBytes - arenaPageBytes);
    assert.deepEqual(spread.layerArenas, [0, 1]);
    assert.equal(spread.components.weights, whole.components.weights);
    assert.equal(spread.components.kvPool, whole.components.kvPool);
    assert.ok(spread.components.workspace > whole.components.workspace);
  });

  it("a layer that fits no arena is refused with both numbers and a number of blocks that fits", () => {
    const many = { ...limits, numBlocks: 100_000 };
    const refusal = catchRefusal(() => cpuFootprint(shape, many, 50_000_000));
    assert.equal(refusal.code, "memory_too_small");
    assert.match(refusal.message, /needs \d+ bytes; an arena of the CPU backend holds at most 49938432/);
    const numBlocks = Number(/--num-gpu-blocks-override (\d+)/.exec(refusal.hint ?? "")?.[1]);
    assert.ok(cpuFootprint(shape, { ...limits, numBlocks }, 50_000_000).arenaBytes.length > 0);
  });
});

function catchRefusal(body: () => unknown): PagodaError {
  try {
    body();
  } catch (error) {
    if (error instanceof PagodaError) return error;
    throw error;
  }
  return assert.fail("nothing was refused");
}
