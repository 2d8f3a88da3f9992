/** @module Cases for matrix products: every storage, every encoding, odd shapes, many rows. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type TensorType, tensorTypeFacts } from "../../core/tensor-type.ts";
import type { WeightStorage } from "../../core/weight-storage.ts";
import type { Backend } from "../backend.ts";
import {
  expectCloseOnAverage,
  expectSameLogits,
  maxOutputRows,
  singleSlice,
  stepBoth,
  withPair,
} from "./compare.ts";
import type { FloatType } from "./encode.ts";
import { RandomNumbers } from "./random-numbers.ts";
import { floatStorage, numTokenIds, SmallProgram } from "./small-program.ts";

/** Relative to a row's size. Exact encodings differ only by the order of float32 sums. */
const exact = 1e-4;
/**
 * Encodings whose scales or numbers are rounded on the way into the packed layout (K types, Q5_1). Numbers that
 * are uniform in ±m change by m/127/√12 (0.4 % of their size), and so does their product; the bound is six times that.
 */
const rounded = 2.5e-2;
/**
 * On average over a step with two products whose activations are rounded likewise. The largest of a group of normal numbers is about
 * 2.5, so they change by 0.6 %; gate and up change together, and the largest number after a glu is larger.
 */
const roundedActivations = 3e-2;

const encodings: readonly (readonly [type: TensorType, storage: WeightStorage, tolerance: number])[] = [
  ["F32", "f32", exact],
  ["F16", "f16", exact],
  ["BF16", "bf16", exact],
  ["Q4_0", "q4", exact],
  ["Q4_1", "q4", exact],
  ["Q8_0", "q8", exact],
  ["Q5_0", "q8", exact],
  ["Q5_1", "q8", rounded],
  ["Q2_K", "q8", rounded],
  ["Q3_K", "q8", exact],
  ["Q4_K", "q4", rounded],
  ["Q5_K", "q8", rounded],
  ["Q6_K", "q8", rounded],
  ["IQ1_S", "q4", rounded],
  ["IQ1_M", "q8", rounded],
  ["IQ2_XXS", "q8", rounded],
  ["IQ2_XS", "q8", rounded],
  ["IQ2_S", "q8", rounded],
  ["IQ3_XXS", "q8", rounded],
  ["IQ3_S", "q8", rounded],
  ["IQ4_NL", "q8", exact],
  ["IQ4_XS", "q8", rounded],
  ["TQ1_0", "q4", exact],
  ["TQ2_0", "q4", exact],
  ["Q1_0", "q4", exact],
  ["Q2_0", "q4", exact],
  ["MXFP4", "q8", exact],
  ["NVFP4", "q8", rounded],
];

const rowCounts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 33, 128];

export function describeLinearCases(backend: Backend): void {
  describe("linear", () => {
    for (const [type, storage, tolerance] of encodings) {
      const { weightsPerBlock } = tensorTypeFacts[type];
      const widths = weightsPerBlock > 32 ? [256, 768] : [32, 96, 256, 288];
      for (const numCols of widths)
        it(`${type} as ${storage}, ${numCols} columns`, () =>
          checkEncoding(backend, { type, storage, tolerance, numCols }));
    }
    for (const type of ["F32", "F16", "BF16"] as const)
      it(`${type}, odd widths`, () => checkOddWidths(backend, type));
    for (const storage of ["q4", "q8"] as const)
      for (const type of ["F32", "F16", "BF16"] as const)
        it(`${type} quantized to ${storage} at load`, () => checkQuantizedAtLoad(backend, type, storage));
    it("parts of different storage in one operation", () => checkMixedParts(backend));
    it("rows in llama.cpp's order, with a bias", () => checkInterleaved(backend));
    it("after a norm and after a glu, whose rows are rounded on the way", () =>
      checkAfterRowOperations(backend));
    for (const storage of ["q4", "q8", "f16", "f32"] as const)
      it(`${storage}: the bits of a row do not depend on the other rows`, () => checkBits(backend, storage));
  });
}

interface EncodingCase {
  readonly type: TensorType;
  readonly storage: WeightStorage;
  readonly tolerance: number;
  readonly numCols: number;
}

/** Two parts of awkward heights, one with a bias; scaled; then accumulated once more. */
async function checkEncoding(
  backend: Backend,
  { type, storage, tolerance, numCols }: EncodingCase,
): Promise<void> {
  const small = new SmallProgram(new RandomNumbers(numCols));
  const input = small.input(numCols, small.random.eightBitValues(numTokenIds * numCols));
  const heights = [13, 24];
  const out = small.buffer("out", 37);
  const parts = heights.map((numRows, i) => ({
    weightId: small.matrix({ numRows, numCols, storage }, type),
    biasId: i === 0 ? null : small.vector(numRows, "F16"),
  }));
  small.run({ kind: "linear", input, parts, out, accumulate: false, scale: 1 });
  const again = [
    { weightId: small.matrix({ numRows: 37, numCols, storage }, type), biasId: small.vector(37) },
  ];
  small.run({ kind: "linear", input, parts: again, out, accumulate: true, scale: -0.5 });
  await withPair(backend, small.build(out), {}, async (pair) => {
    for (const numRows of rowCounts) {
      await stepBoth(pair, [singleSlice(numRows, numRows)]);
      expectSameLogits(pair, tolerance, `${numRows} rows`);
    }
  });
}

/** A mixed checkpoint: q, k and v of three storages in one operation. */
async function checkMixedParts(backend: Backend): Promise<void> {
  const numCols = 64;
  const mixes = [
    ["Q4_1", "q4", 24],
    ["Q8_0", "q8", 10],
    ["F16", "f16", 7],
    ["Q4_0", "q4", 8],
  ] as const;
  for (const numParts of [2, mixes.length]) {
    const small = new SmallProgram(new RandomNumbers(14));
    const input = small.input(numCols, small.random.eightBitValues(numTokenIds * numCols));
    const chosen = mixes.slice(0, numParts);
    const parts = chosen.map(([type, storage, numRows]) => ({
      weightId: small.matrix({ numRows, numCols, storage }, type),
      biasId: small.vector(numRows),
    }));
    const out = small.buffer(
      "out",
      chosen.reduce((sum, [, , numRows]) => sum + numRows, 0),
    );
    small.run({ kind: "linear", input, parts, out, accumulate: false, scale: 0.5 });
    await withPair(backend, small.build(out), {}, async (pair) => {
      for (const numRows of [1, 5, 33]) {
        await stepBoth(pair, [singleSlice(numRows)]);
        expectSameLogits(pair, exact, `${numParts} parts, ${numRows} rows`);
      }
    });
  }
}

async function checkOddWidths(backend: Backend, type: FloatType): Promise<void> {
  for (const numCols of [1, 3, 5, 8, 17, 31, 33, 70, 129]) {
    const small = new SmallProgram(new RandomNumbers(numCols));
    const input = small.input(numCols, small.random.normals(numTokenIds * numCols));
    const out = small.buffer("out", 19);
    const weightId = small.matrix({ numRows: 19, numCols, storage: floatStorage[type] }, type);
    small.run({
      kind: "linear",
      input,
      parts: [{ weightId, biasId: null }],
      out,
      accumulate: false,
      scale: 2,
    });
    await withPair(backend, small.build(out), {}, async (pair) => {
      for (const numRows of [1, 2, 5, 33]) {
        await stepBoth(pair, [singleSlice(numRows)]);
        expectSameLogits(pair, exact, `${numCols} columns, ${numRows} rows`);
      }
    });
  }
}

/**
 * Rounding weight k of a group to steps of d moves it by at most d/2, uniformly: the product's error is a sum of
 * x[k]·U(−d/2, d/2), with standard deviation √(Σ x²·d²/12). Six deviations are allowed, and steps may be 5 %
 * wider than the best.
 */
async function checkQuantizedAtLoad(backend: Backend, type: FloatType, storage: "q4" | "q8"): Promise<void> {
  const [numRows, numCols] = [21, 128];
  const small = new SmallProgram(new RandomNumbers(5));
  const inputs = small.random.eightBitValues(numTokenIds * numCols);
  const input = small.input(numCols, inputs);
  const weights = small.random.normals(numRows * numCols);
  const out = small.buffer("out", numRows);
  const weightId = small.floats({ numRows, numCols, storage }, weights, type);
  small.run({ kind: "linear", input, parts: [{ weightId, biasId: null }], out, accumulate: false, scale: 1 });
  await withPair(backend, small.build(out), {}, async (pair) => {
    await stepBoth(pair, [singleSlice(maxOutputRows)]);
    for (let t = 0; t < maxOutputRows; t++) {
      const x = inputs.subarray(t * numCols, (t + 1) * numCols);
      for (let row = 0; row < numRows; row++) {
        const deviation = roundingDeviation(x, weights.subarray(row * numCols, (row + 1) * numCols), storage);
        const difference = (pair.tested.logitsRow(t)[row] ?? 0) - (pair.reference.logitsRow(t)[row] ?? 0);
        assert.ok(
          Math.abs(difference) <= 6 * deviation,
          `token ${t}, row ${row}: ${difference} > 6 × ${deviation}`,
        );
      }
    }
  });
}

function roundingDeviation(x: Float32Array, weights: Float32Array, storage: "q4" | "q8"): number {
  let variance = 0;
  for (let start = 0; start < x.length; start += 32) {
    const group = weights.subarray(start, start + 32);
    const step =
      storage === "q4"
        ? (Math.max(...group) - Math.min(...group)) / 15
        : Math.max(...group.map(Math.abs)) / 127;
    for (const value of x.subarray(start, start + 32)) variance += (value * 1.05 * step) ** 2 / 12;
  }
  return Math.sqrt(variance);
}

async function checkInterleaved(backend: Backend): Promise<void> {
  for (const [type, storage] of [
    ["F32", "f32"],
    ["Q4_1", "q4"],
    ["Q8_0", "q8"],
  ] as const) {
    const [numRows, numCols] = [48, 64];
    const small = new SmallProgram(new RandomNumbers(11));
    const input = small.input(numCols, small.random.eightBitValues(numTokenIds * numCols));
    const out = small.buffer("out", numRows);
    const changes = { interleavedHeads: { headDim: 16 } };
    const weightId = small.matrix({ numRows, numCols, storage, changes }, type);
    const biasId = small.vector(numRows, "F32", changes);
    small.run({ kind: "linear", input, parts: [{ weightId, biasId }], out, accumulate: false, scale: 1 });
    await withPair(backend, small.build(out), {}, async (pair) => {
      await stepBoth(pair, [singleSlice(9)]);
      expectSameLogits(pair, exact, type);
    });
  }
}

async function checkAfterRowOperations(backend: Backend): Promise<void> {
  for (const [type, storage] of [
    ["Q4_1", "q4"],
    ["Q8_0", "q8"],
    ["F16", "f16"],
  ] as const) {
    const small = new SmallProgram(new RandomNumbers(12));
    const [width, wide] = [96, 128];
    const hidden = small.input(width, small.random.normals(numTokenIds * width));
    const linear = (
      input: number,
      numCols: number,
      numRows: number,
      out: number,
      accumulate: boolean,
    ): void => {
      const parts = [{ weightId: small.matrix({ numRows, numCols, storage }, type), biasId: null }];
      small.run({ kind: "linear", input, parts, out, accumulate, scale: accumulate ? 0.1 : 1 });
    };
    const [normed, gateUp, glu] = [
      small.buffer("normed", width),
      small.buffer("gateUp", 2 * wide),
      small.buffer("glu", wide),
    ];
    small.run({ kind: "rmsNorm", input: hidden, weightId: small.vector(width), out: normed, eps: 1e-5 });
    linear(normed, width, 2 * wide, gateUp, false);
    small.run({ kind: "glu", input: gateUp, out: glu, activation: "silu" });
    linear(glu, wide, width, hidden, true);
    await withPair(backend, small.build(hidden), {}, async (pair) => {
      for (const numRows of [1, 6, 40]) {
        await stepBoth(pair, [singleSlice(numRows, numRows)]);
        if (type === "F16") expectSameLogits(pair, exact, `${numRows} rows`);
        else expectCloseOnAverage(pair, roundedActivations, `${type}, ${numRows} rows`);
      }
    });
  }
}

async function checkBits(backend: Backend, storage: "q4" | "q8" | "f16" | "f32"): Promise<void> {
  const type = ({ q4: "Q4_1", q8: "Q8_0", f16: "F16", f32: "F32" } as const)[storage];
  const [numRows, numCols] = [40, 160];
  const small = new SmallProgram(new RandomNumbers(13));
  const input = small.input(numCols, small.random.normals(numTokenIds * numCols));
  const out = small.buffer("out", numRows);
  const weightId = small.matrix({ numRows, numCols, storage }, type);
  small.run({ kind: "linear", input, parts: [{ weightId, biasId: null }], out, accumulate: false, scale: 1 });
  await withPair(backend, small.build(out), {}, async (pair) => {
    await stepBoth(pair, [singleSlice(1, 5)]);
    const alone = Float32Array.from(pair.tested.logitsRow(0));
    for (const numBeside of [1, 2, 3, 4, 5, 7, 31]) {
      await stepBoth(pair, [singleSlice(numBeside + 1, 5 - numBeside + 64)]);
      assert.deepEqual(pair.tested.logitsRow(numBeside), alone, `with ${numBeside} other rows`);
    }
  });
}
