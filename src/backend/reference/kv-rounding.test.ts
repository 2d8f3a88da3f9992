import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RandomNumbers } from "../testing/random-numbers.ts";
import { hadamard, roundedVector } from "./kv-rounding.ts";

const meanSquareError = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, x, i) => sum + (x - (b[i] ?? Number.NaN)) ** 2, 0) / a.length;

describe("KV rounding", () => {
  it("the Hadamard transform is its own inverse, block by block", () => {
    for (const headDim of [2, 6, 32, 80, 256]) {
      const vector = new RandomNumbers(headDim).normals(headDim);
      const back = hadamard(hadamard(vector));
      assert.ok(meanSquareError(vector, back) < 1e-12);
    }
    // 6 = 3 blocks of 2: (1, 0) → (1, 1)/√2, and the other blocks stay 0.
    const turned = hadamard(Float32Array.of(1, 0, 0, 0, 0, 0));
    assert.deepEqual([...turned], [Math.fround(Math.SQRT1_2), Math.fround(Math.SQRT1_2), 0, 0, 0, 0]);
  });

  it("int8 keeps both ends of the range and rounds to 255 steps between them", () => {
    const vector = Float32Array.of(-1, 0.3, 2, 1.5);
    const rounded = roundedVector(vector, "int8");
    const step = 3 / 255;
    vector.forEach((x, i) => {
      assert.ok(Math.abs(x - (rounded[i] ?? Number.NaN)) <= 0.51 * step + 2e-3);
    });
    assert.equal(rounded[0], -1);
  });

  it("a vector of equal numbers is exact in every dtype", () => {
    const same = new Float32Array(32).fill(0.5);
    assert.deepEqual(roundedVector(same, "int8"), same);
    assert.deepEqual(roundedVector(same, "f16"), same);
    assert.ok(meanSquareError(roundedVector(same, "int4"), same) < 1e-3);
  });

  it("rotating the head makes int4 more precise if one dimension is an outlier", () => {
    const vector = new RandomNumbers(1).normals(64);
    vector[5] = 30;
    const plain = vector.map((x) => {
      const step = (30 - Math.min(...vector)) / 15;
      return Math.round((x - Math.min(...vector)) / step) * step + Math.min(...vector);
    });
    assert.ok(meanSquareError(roundedVector(vector, "int4"), vector) < 0.9 * meanSquareError(plain, vector));
  });

  it("exact stores every number unchanged", () => {
    const vector = new RandomNumbers(2).normals(8);
    assert.equal(roundedVector(vector, "exact"), vector);
  });
});
