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

/** Offsets of the f16 scale of a block and of its f16 minimum, if it has one; and the largest number of the type. */
const blockFields: Readonly<
  Record<Exclude<BlockType, OddType>, { scaleAt: number; minAt?: number; steps: number }>
> = {
  Q4_0: { scaleAt: 0, steps: 8 },
  Q4_1: { scaleAt: 0, minAt: 2, steps: 8 },
  Q5_0: { scaleAt: 0, steps: 16 },
  Q5_1: { scaleAt: 0, minAt: 2, steps: 16 },
  Q8_0: { scaleAt: 0, steps: 127 },
  Q2_K: { scaleAt: 80, minAt: 82, steps: 3 * 15 },
  Q3_K: { scaleAt: 108, steps: 4 * 31 },
  Q4_K: { scaleAt: 0, minAt: 2, steps: 15 * 63 },
  Q5_K: { scaleAt: 0, minAt: 2, steps: 31 * 63 },
  Q6_K: { scaleAt: 208, steps: 32 * 127 },
  IQ1_S: { scaleAt: 0, steps: 15 },
  IQ2_XXS: { scaleAt: 0, steps: 166 },
  IQ2_XS: { scaleAt: 0, steps: 166 },
  IQ2_S: { scaleAt: 0, steps: 166 },
  IQ3_XXS: { scaleAt: 0, steps: 480 },
  IQ3_S: { scaleAt: 0, steps: 15 * 31 },
  IQ4_NL: { scaleAt: 0, steps: 127 },
  IQ4_XS: { scaleAt: 0, steps: 32 * 127 },
  TQ1_0: { scaleAt: 52, steps: 1 },
  TQ2_0: { scaleAt: 64, steps: 1 },
  Q1_0: { scaleAt: 0, steps: 1 },
  Q2_0: { scaleAt: 0, steps: 2 },
};

/** Types whose scale is not an f16 in one place, and functions that set it. */
type OddType = "IQ1_M" | "MXFP4" | "NVFP4";
const scaleWriters: Readonly<Record<OddType, (view: DataView, start: number, scale: number) => void>> = {
  // Four bits of the f16 in the top of each of four words.
  IQ1_M: (view, start, scale) => {
    const half = new DataView(new ArrayBuffer(2));
    half.setFloat16(0, scale / 15);
    for (let i = 0; i < 4; i++) {
      const at = start + 48 + 2 * i;
      const nibble = (half.getUint16(0) >> (4 * i)) & 15;
      view.setUint16(at, (view.getUint16(at, true) & 0x0fff) | (nibble << 12), true);
    }
  },
  MXFP4: (view, start, scale) => view.setUint8(start, 127 + Math.round(Math.log2(scale / 6))),
  NVFP4: (view, start, scale) => {
    for (let i = 0; i < 4; i++)
      view.setUint8(start + i, (view.getUint8(start + i) & 7) | (scale < 1 ? 32 : 40));
  },
};

const isOdd = (type: BlockType): type is OddType => Object.hasOwn(scaleWriters, type);

/** Random blocks whose numbers are of order 1. */
export function encodeRandomBlocks(type: BlockType, numWeights: number, random: RandomNumbers): Uint8Array {
  const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
  const bytes = Uint8Array.from({ length: (numWeights / weightsPerBlock) * bytesPerBlock }, () =>
    random.below(256),
  );
  const view = new DataView(bytes.buffer);
  for (let start = 0; start < bytes.length; start += bytesPerBlock) {
    const size = 0.5 + random.uniform();
    if (isOdd(type)) scaleWriters[type](view, start, size);
    else writeScale(view, start, type, size);
    if (type === "Q8_0") clampToSymmetric(view, start + 2);
  }
  return bytes;
}

function writeScale(view: DataView, start: number, type: Exclude<BlockType, OddType>, size: number): void {
  const { scaleAt, minAt, steps } = blockFields[type];
  view.setFloat16(start + scaleAt, size / steps, true);
  if (minAt !== undefined) view.setFloat16(start + minAt, minimumOf(type, size), true);
}

/** Q4_1 and Q5_1 add the minimum; the K types subtract a multiple of it. Either centers the numbers. */
function minimumOf(type: BlockType, size: number): number {
  if (type === "Q4_1" || type === "Q5_1") return -size;
  return size / (type === "Q2_K" ? 15 : 63) / 2;
}

/** Replaces −128, which no quantizer writes. */
function clampToSymmetric(view: DataView, start: number): void {
  for (let i = 0; i < 32; i++) if (view.getInt8(start + i) === -128) view.setInt8(start + i, -127);
}
