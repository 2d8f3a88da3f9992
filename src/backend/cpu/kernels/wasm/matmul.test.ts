import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WeightStorage } from "../../../../core/weight-storage.ts";
import { seededFloats } from "../../../seeded-numbers.ts";
import { quantizedBytes } from "../../footprint/workspace-layout.ts";
import type { JobValues } from "../jobs.ts";
import { packMatrix } from "../testing/packed-weights.ts";
import { wasmArena } from "../testing/wasm-kernels.ts";

const kernelOf = {
  q4: "matmulQ4",
  q8: "matmulQ8",
  f32: "matmulF32",
  f16: "matmulF16",
  bf16: "matmulBf16",
} as const satisfies Record<WeightStorage, string>;

interface Case {
  readonly storage: WeightStorage;
  readonly numTokens: number;
  readonly numRows: number;
  readonly numCols: number;
  readonly bias?: boolean;
  readonly accumulate?: boolean;
  readonly scale?: number;
}

/** The numbers that the int8 activations of a row stand for: groups of 32 by the rule of `quantizedBytes`. */
function roundedActivations(x: Float32Array): Float32Array {
  return x.map((value, k) => {
    const group = x.subarray(k - (k % 32), k - (k % 32) + 32);
    const largest = Math.max(...group.map(Math.abs));
    return largest === 0 ? 0 : (Math.round((value * 127) / largest) * largest) / 127;
  });
}

function runCase({ storage, numTokens, numRows, numCols, ...how }: Case): {
  readonly actual: Float32Array;
  readonly expected: Float32Array;
} {
  const arena = wasmArena(4 << 20);
  const { bytes, values } = packMatrix(storage, seededFloats(1, numRows * numCols, 0.05), numRows, numCols);
  const x = seededFloats(2, numTokens * numCols, 3);
  const bias = seededFloats(3, numRows);
  const before = seededFloats(4, numTokens * numRows);
  const scale = how.scale ?? 1;
  const input = arena.floats(x);
  const isQuantized = storage === "q4" || storage === "q8";
  const tokenPacks = arena.take(quantizedBytes(numTokens, numCols));
  if (isQuantized)
    arena.run(
      "quantizeRows",
      { input, inputStride: 4 * numCols, out: tokenPacks, width: numCols },
      0,
      numTokens,
    );
  const out = arena.floats(before);
  const job: JobValues<"matmulQ4"> = {
    input: isQuantized ? tokenPacks : input,
    inputStride: 4 * numCols,
    numTokens,
    weights: arena.raw(bytes),
    numRows,
    numCols,
    out,
    outStride: 4 * numRows,
    bias: how.bias ? arena.floats(bias) : 0,
    scale,
    accumulate: how.accumulate ? 1 : 0,
  };
  // In two parts, as two threads would.
  const numRowPacks = Math.ceil(numRows / 8);
  arena.run(kernelOf[storage], job, 0, numRowPacks >> 1);
  arena.run(kernelOf[storage], job, numRowPacks >> 1, numRowPacks);
  assert.deepEqual(arena.brokenGuards(), []);

  const rows = Array.from({ length: numTokens }, (_, t) => x.subarray(t * numCols, (t + 1) * numCols));
  const activations = rows.map((row) => (isQuantized ? roundedActivations(row) : row));
  const expected = before.map((old, index) => {
    const [token, row] = [Math.floor(index / numRows), index % numRows];
    let sum = 0;
    activations[token]?.forEach((a, k) => {
      sum += a * (values[row * numCols + k] ?? 0);
    });
    const biased = how.bias ? sum + (bias[row] ?? 0) : sum;
    return (how.accumulate ? old : 0) + scale * biased;
  });
  return { actual: arena.readFloats(out, before.length), expected };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

for (const storage of ["q4", "q8", "f32", "f16", "bf16"] as const)
  describe(`matmul with ${storage} weights`, () => {
    for (const [numTokens, numRows, numCols] of [
      [1, 8, 32],
      [1, 24, 96],
      [2, 13, 64],
      [3, 1, 128],
      [4, 16, 32],
      [5, 50, 96],
      [11, 33, 160],
    ] as const)
      test(`${numTokens} tokens, ${numRows} × ${numCols}`, () => {
        const { actual, expected } = runCase({ storage, numTokens, numRows, numCols });
        assert.ok(largestDifference(actual, expected) < 2e-5 * numCols ** 0.5);
      });

    test("bias, scale and accumulation", () => {
      for (const numRows of [16, 21]) {
        const shape = { storage, numTokens: 5, numRows, numCols: 64 };
        const { actual, expected } = runCase({ ...shape, bias: true, accumulate: true, scale: 0.37 });
        assert.ok(largestDifference(actual, expected) < 1e-4);
      }
    });

    test("a token's bits do not depend on the other tokens", () => {
      const [numRows, numCols] = [40, 96];
      const all = runCase({ storage, numTokens: 11, numRows, numCols }).actual;
      for (let numTokens = 1; numTokens < 11; numTokens++) {
        const some = runCase({ storage, numTokens, numRows, numCols }).actual;
        assert.deepEqual(some, all.slice(0, some.length));
      }
    });
  });

test("q4: the largest and smallest integers do not overflow", () => {
  const arena = wasmArena(1 << 20);
  const numCols = 64;
  // Every weight at its top level, every activation at ±127.
  const weights = new Uint8Array(160 * 2).fill(0xff);
  const view = new DataView(weights.buffer);
  for (let g = 0; g < 2; g++)
    for (let r = 0; r < 8; r++) {
      view.setFloat16(160 * g + 2 * r, 1, true);
      view.setFloat16(160 * g + 16 + 2 * r, 0, true);
    }
  for (const sign of [1, -1]) {
    const input = arena.floats(new Float32Array(numCols).fill(sign * 127));
    const tokenPacks = arena.take(quantizedBytes(1, numCols));
    arena.run("quantizeRows", { input, inputStride: 0, out: tokenPacks, width: numCols }, 0, 1);
    const out = arena.take(32);
    const job = { input: tokenPacks, inputStride: 0, numTokens: 1, numRows: 8, numCols, out, outStride: 32 };
    arena.run("matmulQ4", { ...job, weights: arena.raw(weights), bias: 0, scale: 1, accumulate: 0 }, 0, 1);
    assert.deepEqual(arena.readFloats(out, 8), new Float32Array(8).fill(sign * 127 * 15 * numCols));
  }
});

test("f16 scales that are subnormal are exact", () => {
  const arena = wasmArena(1 << 20);
  const tiny = 3 * 2 ** -24;
  const weights = new Uint8Array(272).fill(1);
  const view = new DataView(weights.buffer);
  for (let r = 0; r < 8; r++) view.setFloat16(2 * r, r % 2 === 0 ? tiny : -tiny, true);
  const input = arena.floats(new Float32Array(32).fill(127));
  const tokenPacks = arena.take(quantizedBytes(1, 32));
  arena.run("quantizeRows", { input, inputStride: 0, out: tokenPacks, width: 32 }, 0, 1);
  const out = arena.take(32);
  const job = {
    input: tokenPacks,
    inputStride: 0,
    numTokens: 1,
    numRows: 8,
    numCols: 32,
    out,
    outStride: 32,
  };
  arena.run("matmulQ8", { ...job, weights: arena.raw(weights), bias: 0, scale: 1, accumulate: 0 }, 0, 1);
  const expected = Float32Array.from({ length: 8 }, (_, r) => (r % 2 === 0 ? 1 : -1) * tiny * 127 * 32);
  assert.deepEqual(arena.readFloats(out, 8), expected);
});
