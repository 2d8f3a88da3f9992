/** @module The paged KV cache of one layer in float32, with each number rounded as in the chosen dtype. */
import type { KvLayerShape } from "../../core/kv-layout.ts";
import { type KvPrecision, roundedVector } from "./kv-rounding.ts";

/** keys and values: [numSlots, numKvHeads, headDim]; slot = blockId · blockSize + offset in the block. */
export class KvStore {
  readonly shape: KvLayerShape;
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly #precision: KvPrecision;
  readonly #slotWidth: number;

  constructor(shape: KvLayerShape, numSlots: number, precision: KvPrecision) {
    this.shape = shape;
    this.#precision = precision;
    this.#slotWidth = shape.numKvHeads * shape.headDim;
    this.keys = new Float32Array(numSlots * this.#slotWidth);
    this.values = new Float32Array(numSlots * this.#slotWidth);
  }

  get numBytes(): number {
    return this.keys.byteLength + this.values.byteLength;
  }

  /** key, value: [numKvHeads · headDim] of one token. */
  store(slot: number, key: Float32Array, value: Float32Array): void {
    this.#storeHeads(this.keys, slot, key);
    this.#storeHeads(this.values, slot, value);
  }

  copyBlock(fromBlock: number, toBlock: number, blockSize: number): void {
    const blockWidth = blockSize * this.#slotWidth;
    for (const part of [this.keys, this.values])
      part.copyWithin(toBlock * blockWidth, fromBlock * blockWidth, (fromBlock + 1) * blockWidth);
  }

  #storeHeads(into: Float32Array, slot: number, heads: Float32Array): void {
    const { headDim } = this.shape;
    for (let start = 0; start < heads.length; start += headDim)
      into.set(
        roundedVector(heads.subarray(start, start + headDim), this.#precision),
        slot * this.#slotWidth + start,
      );
  }
}
