/** @module Bytes of stored tensors for suites: float types from given values, block types at random. */
import { type TensorType, tensorTypeFacts } from "../../core/tensor-type.ts";
import type { RandomNumbers } from "./random-numbers.ts";

export type FloatType = "F32" | "F16" | "BF16";

export function encodeFloats(type: FloatType, values: Float32Array): Uint8Array {
  const { bytesPerBlock } = tensorTypeFacts[type];
  const bytes = new Uint8Array(values.length * bytesPerBlock);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    if (type === "F32") view.setFloat32(4 * i, value, true);
    else if (type === "F16") view.setFloat16(2 * i, value, true);
    else view.setUint16(2 * i, bf16Bits(value), true);
  });
  return bytes;
}

/** The upper half of the f32, rounded to nearest. */
function bf16Bits(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return Math.min(view.getUint32(0) + 0x8000, 0xffffffff) >>> 16;
}

export type BlockType = Exclude<TensorType, FloatType>;

/** Where a block keeps its f16 scale and, if it has one, its f16 minimum; and how large numbers of that type get. */
const blockFields: Readonly<Record<BlockType, { scaleAt: number; minAt: number | null; steps: number }>> = {
  Q4_0: { scaleAt: 0, minAt: null, steps: 8 },
  Q4_1: { scaleAt: 0, minAt: 2, steps: 8 },
  Q5_0: { scaleAt: 0, minAt: null, steps: 16 },
  Q5_1: { scaleAt: 0, minAt: 2, steps: 16 },
  Q8_0: { scaleAt: 0, minAt: null, steps: 127 },
  Q4_K: { scaleAt: 0, minAt: 2, steps: 15 * 63 },
  Q5_K: { scaleAt: 0, minAt: 2, steps: 31 * 63 },
  Q6_K: { scaleAt: 208, minAt: null, steps: 32 * 127 },
};

/** Random blocks whose numbers are of order 1. */
export function encodeRandomBlocks(type: BlockType, numWeights: number, random: RandomNumbers): Uint8Array {
  const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
  const { scaleAt, minAt, steps } = blockFields[type];
  const bytes = Uint8Array.from({ length: (numWeights / weightsPerBlock) * bytesPerBlock }, () =>
    random.below(256),
  );
  const view = new DataView(bytes.buffer);
  for (let start = 0; start < bytes.length; start += bytesPerBlock) {
    const scale = (0.5 + random.uniform()) / steps;
    view.setFloat16(start + scaleAt, scale, true);
    if (minAt !== null) view.setFloat16(start + minAt, minimumOf(type, scale, steps), true);
    if (type === "Q8_0") clampToSymmetric(view, start + 2);
  }
  return bytes;
}

/** Q4_1 and Q5_1 add the minimum; the K types subtract a multiple of it. Either centres the numbers. */
function minimumOf(type: BlockType, scale: number, steps: number): number {
  return type === "Q4_1" || type === "Q5_1" ? -scale * steps : (scale * steps) / 63 / 2;
}

/** No quantiser writes −128. */
function clampToSymmetric(view: DataView, start: number): void {
  for (let i = 0; i < 32; i++) if (view.getInt8(start + i) === -128) view.setInt8(start + i, -127);
}
