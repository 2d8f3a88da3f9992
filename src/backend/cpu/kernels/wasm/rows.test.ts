import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WeightStorage } from "../../../../core/weight-storage.ts";
import { seededFloats } from "../../../seeded-numbers.ts";
import { packedMatrixBytes } from "../../footprint/weight-layout.ts";
import { quantizedBytes } from "../../footprint/workspace-layout.ts";
import { activationCodes, storageCodes } from "../jobs.ts";
import type { BoundArena } from "../self-test/bound-arena.ts";
import { packMatrix } from "../testing/packed-weights.ts";
import { wasmArena } from "../testing/wasm-kernels.ts";

const numRows = 5;
const widths = [1, 3, 8, 31, 64, 100];

function assertClose(actual: Float32Array, expected: ArrayLike<number>, relative = 2e-6): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => {
    const wanted = expected[i] ?? Number.NaN;
    assert.ok(Math.abs(value - wanted) <= relative * (1 + Math.abs(wanted)), `${i}: ${value}, not ${wanted}`);
  });
}

/** Rows of `width` numbers in a wider buffer: kernels must not write the other columns. */
class Rows {
  readonly arena = wasmArena(2 << 20);
  readonly stride: number;
  readonly values: Float32Array;
  readonly #width: number;

  constructor(seed: number, width: number, scale = 1) {
    this.#width = width;
    this.stride = 4 * (width + 3);
    this.values = seededFloats(seed, numRows * width, scale);
  }

  place(values: Float32Array = this.values): number {
    const at = this.arena.floats(new Float32Array((numRows * this.stride) / 4).fill(7));
    for (let t = 0; t < numRows; t++) this.arena.f32.set(this.row(t, values), (at + t * this.stride) / 4);
    return at;
  }

  row(t: number, values: Float32Array = this.values): Float32Array {
    return values.slice(t * this.#width, (t + 1) * this.#width);
  }

  read(at: number): Float32Array {
    const rows: number[] = [];
    for (let t = 0; t < numRows; t++) {
      const start = (at + t * this.stride) / 4;
      rows.push(...this.arena.f32.subarray(start, start + this.#width));
      assert.deepEqual([...this.arena.f32.subarray(start + this.#width, start + this.#width + 3)], [7, 7, 7]);
    }
    return Float32Array.from(rows);
  }
}

function normalised(x: Float32Array, weight: Float32Array, eps: number): Float32Array {
  const meanSquare = x.reduce((sum, value) => sum + value * value, 0) / x.length;
  return x.map((value, i) => (value / Math.sqrt(meanSquare + eps)) * (weight[i] ?? Number.NaN));
}

const activations = {
  silu: (x: number) => x / (1 + Math.exp(-x)),
  geluTanh: (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

describe("norms", () => {
  for (const width of widths) {
    test(`rmsNorm, width ${width}`, () => {
      const rows = new Rows(1, width, 4);
      const weight = seededFloats(2, width);
      const [input, out] = [rows.place(), rows.place(new Float32Array(numRows * width))];
      const strides = { inputStride: rows.stride, outStride: rows.stride };
      const job = { input, out, ...strides, width, weight: rows.arena.floats(weight), eps: 1e-5 };
      rows.arena.run("rmsNorm", job, 0, 2);
      rows.arena.run("rmsNorm", job, 2, numRows);
      for (let t = 0; t < numRows; t++)
        assertClose(rows.row(t, rows.read(out)), normalised(rows.row(t), weight, 1e-5));
    });

    test(`headNorm, 3 heads of ${width}`, () => {
      const rows = new Rows(3, 3 * width, 4);
      const weight = seededFloats(4, width);
      const at = rows.place();
      const job = { at, stride: rows.stride, numHeads: 3, headDim: width, eps: 1e-6 };
      rows.arena.run("headNorm", { ...job, weight: rows.arena.floats(weight) }, 0, numRows);
      const actual = rows.read(at);
      for (let head = 0; head < 3 * numRows; head++) {
        const [from, to] = [head * width, (head + 1) * width];
        assertClose(actual.slice(from, to), normalised(rows.values.slice(from, to), weight, 1e-6));
      }
    });
  }
});

test("rope turns the first rotaryDim columns of each head by the position's angle", () => {
  for (const [headDim, rotaryDim] of [
    [8, 8],
    [20, 12],
    [6, 6],
    [64, 64],
    [10, 4],
  ] as const) {
    const rows = new Rows(5, 2 * headDim);
    const positions = [0, 3, 17, 4, 9];
    const half = rotaryDim / 2;
    const angle = (position: number, i: number): number => position * 100 ** (-i / half);
    const table = Array.from({ length: 18 }, (_, p) =>
      Array.from({ length: rotaryDim }, (_, i) =>
        i < half ? Math.cos(angle(p, i)) : Math.sin(angle(p, i - half)),
      ),
    ).flat();
    const at = rows.place();
    const job = { at, stride: rows.stride, numHeads: 2, headDim, rotaryDim, table: rows.arena.floats(table) };
    rows.arena.run("rope", { ...job, positions: rows.arena.ints(positions) }, 0, numRows);
    const expected = rows.values.map((x, index) => {
      const [t, column] = [Math.floor(index / (2 * headDim)), index % headDim];
      const turn = angle(positions[t] ?? 0, column % half);
      if (column >= rotaryDim) return x;
      if (column < half) return x * Math.cos(turn) - (rows.values[index + half] ?? 0) * Math.sin(turn);
      return x * Math.cos(turn) + (rows.values[index - half] ?? 0) * Math.sin(turn);
    });
    assertClose(rows.read(at), expected);
  }
});

describe("elementwise", () => {
  for (const name of ["silu", "geluTanh"] as const)
    test(`glu with ${name}, extreme gates included`, () => {
      for (const width of widths) {
        const gates = new Rows(6, 2 * width, 30);
        gates.values[0] = -1e4;
        gates.values[1] = 1e4;
        const out = new Rows(7, width);
        const at = gates.arena.floats(new Float32Array((numRows * out.stride) / 4).fill(7));
        const strides = { inputStride: gates.stride, outStride: out.stride };
        const job = { input: gates.place(), out: at, ...strides, width, activation: activationCodes[name] };
        gates.arena.run("glu", job, 0, numRows);
        for (let t = 0; t < numRows; t++) {
          const row = gates.row(t);
          const wanted = row
            .slice(0, width)
            .map((gate, i) => activations[name](gate) * (row[width + i] ?? 0));
          const start = (at + t * out.stride) / 4;
          assertClose(gates.arena.f32.slice(start, start + width), wanted);
        }
      }
    });

  for (const width of widths)
    test(`add, gatherRows, softcap, width ${width}`, () => {
      const rows = new Rows(8, width, 50);
      const other = seededFloats(9, numRows * width);
      const [input, out] = [rows.place(), rows.place(other)];
      const job = { input, out, inputStride: rows.stride, outStride: rows.stride, width };
      rows.arena.run("add", { ...job, scale: 0.3 }, 0, numRows);
      assertClose(
        rows.read(out),
        other.map((x, i) => x + Math.fround(0.3) * (rows.values[i] ?? 0)),
      );
      const rowIds = [4, 0, 0, 2, 3];
      rows.arena.run("gatherRows", { ...job, rowIds: rows.arena.ints(rowIds) }, 0, numRows);
      assert.deepEqual(rows.read(out), Float32Array.from(rowIds.flatMap((id) => [...rows.row(id)])));
      rows.arena.run("softcap", { at: input, stride: rows.stride, width, cap: 15 }, 0, numRows);
      assertClose(
        rows.read(input),
        rows.values.map((x) => 15 * Math.tanh(x / 15)),
        5e-6,
      );
    });

  test("zero and copy stay within their part", () => {
    const arena = wasmArena(1 << 20);
    const source = arena.raw(Uint8Array.from({ length: 300 }, (_, i) => i));
    const out = arena.take(300);
    arena.run("zero", { at: out }, 0, 300);
    arena.run("copy", { source, out }, 17, 203);
    const expected = Uint8Array.from({ length: 300 }, (_, i) => (i >= 17 && i < 203 ? i : 0));
    assert.deepEqual(arena.bytes.slice(out, out + 300), expected);
    assert.deepEqual(arena.brokenGuards(), []);
  });
});

describe("quantised activations", () => {
  const width = 96;

  /** A token's row, read by the description of the layout. */
  function readTokenPacks(
    arena: BoundArena,
    tokenPacks: number,
    token: number,
  ): { q: number[]; sums: number[]; x: number[] } {
    const view = new DataView(arena.bytes.buffer);
    const [q, sums, x]: number[][] = [[], [], []];
    for (let g = 0; g < width / 32; g++) {
      const group = tokenPacks + ((token >> 2) * (width / 32) + g) * 160;
      const scale = view.getFloat32(group + 128 + 4 * (token & 3), true);
      sums?.push(view.getFloat32(group + 144 + 4 * (token & 3), true));
      for (let k = 0; k < 32; k++) {
        const value = view.getInt8(group + 16 * (k >> 2) + 4 * (token & 3) + (k & 3));
        q?.push(value);
        x?.push(value * scale);
      }
    }
    return { q: q ?? [], sums: sums ?? [], x: x ?? [] };
  }

  test("round to the nearest of 127 steps, with the group's sum; a group of zeros is zeros", () => {
    const rows = new Rows(10, width, 3);
    rows.values.fill(0, 32, 64);
    const tokenPacks = rows.arena.take(quantizedBytes(numRows, width));
    const job = { input: rows.place(), inputStride: rows.stride, out: tokenPacks, width };
    rows.arena.run("quantizeRows", job, 0, numRows);
    for (let t = 0; t < numRows; t++) {
      const { q, sums, x } = readTokenPacks(rows.arena, tokenPacks, t);
      const row = rows.row(t);
      for (let g = 0; g < width / 32; g++) {
        const group = row.subarray(32 * g, 32 * g + 32);
        const largest = Math.max(...group.map(Math.abs));
        assert.equal(
          sums[g],
          q.slice(32 * g, 32 * g + 32).reduce((a, b) => a + b),
        );
        group.forEach((value, k) => {
          assert.ok(Math.abs(value - (x[32 * g + k] ?? Number.NaN)) <= largest / 127 / 2 + 1e-6);
        });
      }
    }
  });

  test("fused with the norm or the gate: the same bits as one after the other", () => {
    const rows = new Rows(11, 2 * width, 5);
    const { arena } = rows;
    const input = rows.place();
    const between = arena.take(4 * numRows * width);
    const tokenPackBytes = quantizedBytes(numRows, width);
    const [apart, fused] = [arena.take(tokenPackBytes), arena.take(tokenPackBytes)];
    const weight = arena.floats(seededFloats(12, width));
    const source = { input, inputStride: rows.stride, width };
    const middle = { ...source, out: between, outStride: 4 * width };
    const second = { input: between, inputStride: 4 * width, out: apart, width };
    const same = (): void => {
      arena.run("quantizeRows", second, 0, numRows);
      for (let t = 0; t < numRows; t++)
        assert.deepEqual(readTokenPacks(arena, fused, t), readTokenPacks(arena, apart, t));
    };
    arena.run("rmsNorm", { ...middle, weight, eps: 1e-5 }, 0, numRows);
    arena.run("normQuantize", { ...source, out: fused, weight, eps: 1e-5 }, 0, numRows);
    same();
    for (const activation of Object.values(activationCodes)) {
      arena.run("glu", { ...middle, activation }, 0, numRows);
      arena.run("gluQuantize", { ...source, out: fused, activation }, 0, numRows);
      same();
    }
  });
});

test("embed reads one row out of its row pack", () => {
  const [tableRows, width] = [21, 64];
  for (const storage of ["q4", "q8", "f16", "bf16", "f32"] as const satisfies readonly WeightStorage[]) {
    const arena = wasmArena(1 << 20);
    const { bytes, values } = packMatrix(storage, seededFloats(13, tableRows * width), tableRows, width);
    assert.equal(bytes.length, packedMatrixBytes(storage, tableRows, width));
    const tokenIds = [20, 0, 7, 8, 7];
    const out = arena.take(4 * tokenIds.length * width);
    const job = { tokenIds: arena.ints(tokenIds), weights: arena.raw(bytes), storage: storageCodes[storage] };
    arena.run("embed", { ...job, width, out, outStride: 4 * width, scale: 3 }, 0, tokenIds.length);
    const expected = tokenIds.flatMap((id) =>
      [...values.slice(id * width, (id + 1) * width)].map((w) => 3 * w),
    );
    assertClose(arena.readFloats(out, expected.length), expected);
  }
});
