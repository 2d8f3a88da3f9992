import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tileHeadBytes, tokensPerTile } from "../../../../core/kv-layout.ts";
import { seededFloats } from "../../../seeded-numbers.ts";
import { storeKvScratchBytes } from "../../footprint/workspace-layout.ts";
import { wasmArena } from "../testing/wasm-kernels.ts";

const kernels = {
  f16: { store: "storeKvF16", prepare: "prepareHeadsF16" },
  int8: { store: "storeKvInt8", prepare: "prepareHeadsInt8" },
  int4: { store: "storeKvInt4", prepare: "prepareHeadsInt4" },
} as const;
const [numKvHeads, queryHeadsPerKvHead, headDim, rotaryDim] = [2, 3, 32, 24];
const numHeads = numKvHeads * queryHeadsPerKvHead;
const width = (numHeads + 2 * numKvHeads) * headDim;
const stride = 4 * width;
/** Rows of three sequences, in separate tiles. */
const slots = [5, tokensPerTile + 13, 3 * tokensPerTile];
const positions = [5, 13, 0];
const numTiles = 4;

type Dtype = keyof typeof kernels;

/** The rows of the projections, tables and a cache, the same in every scene. */
class Scene {
  readonly arena = wasmArena(1 << 18);
  readonly #rows = this.arena.floats(seededFloats(1, slots.length * width));
  readonly #kvBytes: number;
  readonly #kv: number;
  readonly #dtype: Dtype;
  readonly #common;
  readonly #norms = {
    queryNorm: this.arena.floats(seededFloats(2, headDim)),
    keyNorm: this.arena.floats(seededFloats(3, headDim)),
  };
  readonly #turn = {
    rotaryDim,
    table: this.arena.floats(seededFloats(4, 16 * rotaryDim)),
    positions: this.arena.ints(positions),
  };

  constructor(dtype: Dtype) {
    this.#dtype = dtype;
    this.#kvBytes = numTiles * numKvHeads * tileHeadBytes(dtype, headDim);
    this.#kv = this.arena.raw(new Uint8Array(this.#kvBytes));
    this.#common = {
      ...{
        key: this.#key,
        keyStride: stride,
        value: this.#key + 4 * numKvHeads * headDim,
        valueStride: stride,
      },
      ...{ slots: this.arena.ints(slots), kv: this.#kv, numKvHeads, headDim },
      scratch: this.arena.take(storeKvScratchBytes(headDim)),
    };
  }

  get #key(): number {
    return this.#rows + 4 * numHeads * headDim;
  }

  inThreeSteps(hasNorms: boolean): void {
    const [shared, numRows] = [{ stride, headDim }, slots.length];
    const { queryNorm, keyNorm } = this.#norms;
    const query = { ...shared, at: this.#rows, numHeads, weight: queryNorm, eps: 1e-5 };
    const key = { ...shared, at: this.#key, numHeads: numKvHeads, weight: keyNorm, eps: 1e-5 };
    if (hasNorms) for (const job of [query, key]) this.arena.run("headNorm", job, 0, numRows);
    const turn = { ...shared, ...this.#turn, at: this.#rows, numHeads: numHeads + numKvHeads };
    this.arena.run("rope", turn, 0, numRows);
    this.arena.run(kernels[this.#dtype].store, { ...this.#common, numTokens: numRows }, 0, numKvHeads);
  }

  /** One KV head and one row at a time, in reverse order. */
  inOne(hasNorms: boolean): void {
    const norms = hasNorms ? this.#norms : { queryNorm: 0, keyNorm: 0 };
    const job = {
      ...this.#common,
      ...this.#turn,
      ...norms,
      query: this.#rows,
      queryHeadsPerKvHead,
      eps: 1e-5,
    };
    for (let head = numKvHeads - 1; head >= 0; head--)
      for (let row = slots.length - 1; row >= 0; row--)
        this.arena.run(
          kernels[this.#dtype].prepare,
          { ...job, firstToken: row, numTokens: 1 },
          head,
          head + 1,
        );
  }

  /** The contents of rows and cache. */
  get result(): readonly Uint8Array[] {
    return [
      this.arena.bytes.slice(this.#rows, this.#rows + slots.length * stride),
      this.arena.bytes.slice(this.#kv, this.#kv + this.#kvBytes),
    ];
  }
}

describe("prepareHeads gives the bits of headNorm, rope and storeKv", () => {
  for (const dtype of Object.keys(kernels) as Dtype[])
    for (const hasNorms of [true, false])
      test(`${dtype}, ${hasNorms ? "with" : "without"} norms`, () => {
        const [expected, actual, untouched] = [new Scene(dtype), new Scene(dtype), new Scene(dtype)];
        expected.inThreeSteps(hasNorms);
        actual.inOne(hasNorms);
        assert.deepEqual(actual.result, expected.result);
        assert.notDeepEqual(actual.result[1], untouched.result[1]);
      });
});
