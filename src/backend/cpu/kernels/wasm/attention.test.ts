import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { blocksOfLength, type KvDtype, layerBlockBytes } from "../../../../core/kv-layout.ts";
import { roundedVector } from "../../../reference/kv-rounding.ts";
import { seededFloats } from "../../../seeded-numbers.ts";
import {
  attentionItemWords,
  attentionScratchBytes,
  maxItemRows,
  partialRecordBytes,
  storeKvScratchBytes,
  tokensPerPartition,
} from "../../footprint/workspace-layout.ts";
import type { BoundArena } from "../self-test/bound-arena.ts";
import { wasmArena } from "../testing/wasm-kernels.ts";

const kernels = {
  f16: { store: "storeKvF16", attend: "attentionF16" },
  int8: { store: "storeKvInt8", attend: "attentionInt8" },
  int4: { store: "storeKvInt4", attend: "attentionInt4" },
} as const satisfies Record<KvDtype, unknown>;

interface Shape {
  readonly dtype: KvDtype;
  readonly numKvHeads: number;
  readonly queryHeadsPerKvHead: number;
  readonly headDim: number;
  readonly window?: number;
  readonly softcap?: number;
}

const blockSize = 32;
/** Blocks of the one sequence lie in this order in the pool. */
const shuffledBlock = (index: number, numBlocks: number): number => (index * 7 + 3) % numBlocks;

/** One sequence of `numTokens` tokens in an arena; its keys and values are stored `chunk` tokens at a time. */
class Scene {
  readonly arena: BoundArena;
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly queries: Float32Array;
  readonly #shape: Shape;
  readonly #numTokens: number;
  readonly #kv: number;
  readonly #blockTable: number;
  readonly #query: number;
  readonly #positions: number;
  readonly #scratch: number;
  readonly #partials: number;
  readonly #out: number;

  constructor(shape: Shape, numTokens: number, chunk: number) {
    const { numKvHeads, queryHeadsPerKvHead, headDim, dtype } = shape;
    this.#shape = shape;
    this.#numTokens = numTokens;
    const numBlocks = 7 * Math.ceil(numTokens / blockSize / 7) + 1;
    this.arena = wasmArena(24 << 20);
    this.keys = seededFloats(11, numTokens * numKvHeads * headDim, 2);
    this.values = seededFloats(12, numTokens * numKvHeads * headDim);
    this.queries = seededFloats(13, numTokens * this.#queryWidth, 2);
    this.#kv = this.arena.take(numBlocks * layerBlockBytes(dtype, shape, blockSize));
    const table = Array.from({ length: numBlocks }, (_, i) => shuffledBlock(i, numBlocks));
    this.#blockTable = this.arena.ints(table);
    this.#query = this.arena.floats(this.queries);
    this.#positions = this.arena.ints(Array.from({ length: numTokens }, (_, i) => i));
    this.#scratch = this.arena.take(attentionScratchBytes(headDim, queryHeadsPerKvHead));
    const numRecords = Math.ceil(numTokens / tokensPerPartition) * maxItemRows * this.#numHeads;
    this.#partials = this.arena.take(numRecords * partialRecordBytes(headDim));
    this.#out = this.arena.take(4 * numTokens * this.#queryWidth);
    const slots = Array.from(
      { length: numTokens },
      (_, t) => shuffledBlock(Math.floor(t / blockSize), numBlocks) * blockSize + (t % blockSize),
    );
    this.#store(this.arena.ints(slots), chunk);
  }

  get #numHeads(): number {
    return this.#shape.numKvHeads * this.#shape.queryHeadsPerKvHead;
  }

  get #queryWidth(): number {
    return this.#numHeads * this.#shape.headDim;
  }

  #store(slots: number, chunk: number): void {
    const { dtype, numKvHeads, headDim } = this.#shape;
    const stride = 4 * numKvHeads * headDim;
    const key = this.arena.floats(this.keys);
    const value = this.arena.floats(this.values);
    const scratch = this.arena.take(storeKvScratchBytes(headDim));
    for (let first = 0; first < this.#numTokens; first += chunk) {
      const job = {
        key: key + first * stride,
        keyStride: stride,
        value: value + first * stride,
        valueStride: stride,
        numTokens: Math.min(chunk, this.#numTokens - first),
        slots: slots + 4 * first,
        kv: this.#kv,
        numKvHeads,
        headDim,
        scratch,
      };
      this.arena.run(kernels[dtype].store, job, 0, numKvHeads);
    }
  }

  /** Outputs of rows [firstRow, firstRow + numRows) in one item; `split` computes partitions separately, in reverse order. */
  attend(firstRow: number, numRows: number, split = false): Float32Array {
    const { dtype, numKvHeads, headDim, queryHeadsPerKvHead, window, softcap } = this.#shape;
    const numPartitions = Math.ceil((firstRow + numRows) / tokensPerPartition);
    const item = (first: number, count: number, firstPartial: number): number =>
      this.arena.ints([0, firstRow, numRows, first, count, firstPartial, 0, 0]);
    const common = {
      out: this.#out,
      outStride: 4 * this.#queryWidth,
      numKvHeads,
      headDim,
      queryHeadsPerKvHead,
      partials: this.#partials,
    };
    const job = {
      ...common,
      query: this.#query,
      queryStride: 4 * this.#queryWidth,
      kv: this.#kv,
      scale: headDim ** -0.5,
      softcap: softcap ?? 0,
      window: window ?? 0,
      blockSize,
      blockTables: this.#blockTable,
      maxBlocksPerSequence: blocksOfLength(this.#numTokens, blockSize),
      positions: this.#positions,
      scratch: this.#scratch,
    };
    const { attend } = kernels[dtype];
    if (!split) {
      this.arena.run(attend, { ...job, items: item(0, numPartitions, -1) }, 0, numKvHeads);
    } else {
      const numRecords = numKvHeads * numRows * queryHeadsPerKvHead;
      for (let partition = numPartitions - 1; partition >= 0; partition--) {
        const items = item(partition, 1, partition * numRecords);
        for (let head = numKvHeads - 1; head >= 0; head--)
          this.arena.run(attend, { ...job, items }, head, head + 1);
      }
      const items = item(0, numPartitions, 0);
      this.arena.run(
        "attentionMerge",
        { ...common, items, rotated: dtype === "int4" ? 1 : 0 },
        0,
        numKvHeads,
      );
    }
    const at = this.#out + 4 * firstRow * this.#queryWidth;
    assert.deepEqual(this.arena.brokenGuards(), []);
    return this.arena.readFloats(at, numRows * this.#queryWidth);
  }

  /** One row by the formula, over keys and values rounded as in the cache. */
  expected(row: number): Float32Array {
    const { headDim, queryHeadsPerKvHead, window = Number.POSITIVE_INFINITY, softcap } = this.#shape;
    const out = new Float32Array(this.#queryWidth);
    const first = Math.max(0, row - window + 1);
    for (let head = 0; head < this.#numHeads; head++) {
      const query = vectorAt(this.queries, row * this.#numHeads + head, headDim);
      const kvHead = Math.floor(head / queryHeadsPerKvHead);
      const scores: number[] = [];
      for (let t = first; t <= row; t++) {
        const score = dot(query, this.#kept(this.keys, t, kvHead)) * headDim ** -0.5;
        scores.push(softcap === undefined ? score : softcap * Math.tanh(score / softcap));
      }
      const largest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - largest));
      const sum = weights.reduce((a, b) => a + b);
      weights.forEach((weight, i) => {
        this.#kept(this.values, first + i, kvHead).forEach((v, d) => {
          const at = head * headDim + d;
          out[at] = (out[at] ?? 0) + (weight / sum) * v;
        });
      });
    }
    return out;
  }

  #kept(all: Float32Array, token: number, kvHead: number): Float32Array {
    const { numKvHeads, headDim, dtype } = this.#shape;
    return roundedVector(vectorAt(all, token * numKvHeads + kvHead, headDim), dtype);
  }
}

function vectorAt(all: Float32Array, index: number, width: number): Float32Array {
  return all.slice(index * width, (index + 1) * width);
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
}

function assertClose(actual: Float32Array, expected: Float32Array, tolerance: number): void {
  actual.forEach((value, i) => {
    const wanted = expected[i] ?? Number.NaN;
    assert.ok(Math.abs(value - wanted) <= tolerance, `number ${i}: ${value}, expected ${wanted}`);
  });
}

assert.equal(attentionItemWords, 8);

/** The fitted scale and minimum of int4 are sums, which may round to either of two neighboring f16. */
const tolerances: Readonly<Record<KvDtype, number>> = { f16: 2e-5, int8: 2e-5, int4: 3e-4 };

for (const dtype of ["f16", "int8", "int4"] as const)
  describe(`attention over ${dtype}`, () => {
    const base: Shape = { dtype, numKvHeads: 2, queryHeadsPerKvHead: 3, headDim: 32 };
    const shapes: readonly Shape[] = [
      base,
      { ...base, queryHeadsPerKvHead: 1, headDim: 24 },
      { ...base, queryHeadsPerKvHead: 4, headDim: 10 },
      { ...base, queryHeadsPerKvHead: 7, headDim: 64, window: 19 },
      { ...base, queryHeadsPerKvHead: 2, softcap: 5 },
      { ...base, numKvHeads: 1, headDim: 6, window: 1 },
    ];
    for (const shape of shapes)
      test(`${JSON.stringify(shape)} by the formula`, () => {
        const scene = new Scene(shape, 70, 70);
        for (const row of [0, 1, 15, 16, 47, 69])
          assertClose(scene.attend(row, 1), scene.expected(row), tolerances[dtype]);
      });

    test("partitions, merged: by the formula, and the same bits when split over threads", () => {
      const scene = new Scene({ ...base, window: 700 }, 1100, 1100);
      for (const row of [511, 512, 1099]) {
        const whole = scene.attend(row, 1);
        assertClose(whole, scene.expected(row), tolerances[dtype]);
        assert.deepEqual(scene.attend(row, 1, true), whole);
      }
      assert.deepEqual(scene.attend(1094, 4, true), scene.attend(1094, 4));
    });

    test("a row's numbers are the same bits in any item, and however the prompt was cut", () => {
      for (const window of [undefined, 40]) {
        const shape = window === undefined ? base : { ...base, window };
        const scene = new Scene(shape, 70, 70);
        const apart = new Scene(shape, 70, 9);
        for (let row = 0; row + maxItemRows <= 70; row += 3) {
          const together = scene.attend(row, maxItemRows);
          const width = together.length / maxItemRows;
          for (let r = 0; r < maxItemRows; r++)
            assert.deepEqual(apart.attend(row + r, 1), together.slice(r * width, (r + 1) * width));
        }
      }
    });
  });
