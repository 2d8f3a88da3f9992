/**
 * @module Stored weights → float32, one function per encoding, each written from the block's layout.
 *
 * The numbers of a block are exact in float32, apart from one rounding for each product; layouts: ggml-common.h (block_q4_0 … block_q6_K).
 */
import { invariant } from "../../core/errors.ts";
import { type TensorType, tensorTypeFacts } from "../../core/tensor-type.ts";
import { decodedWeights } from "../encodings/block-decoders.ts";
import { isTranscoded, type RepackedType } from "../encodings/transcoded-types.ts";

/** Decodes one block at byte `start` of `bytes` into `out` from index `at`. */
type BlockDecoder = (bytes: DataView, start: number, out: Float32Array, at: number) => void;

/** Float32 numbers of `numBytes` stored bytes, in stored order. */
export function dequantize(type: TensorType, bytes: Uint8Array): Float32Array {
  const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
  invariant(
    bytes.byteLength % bytesPerBlock === 0,
    () => `${bytes.byteLength} bytes of ${type} are no whole blocks`,
  );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isTranscoded(type)) return decodedWeights(type, view);
  const numBlocks = bytes.byteLength / bytesPerBlock;
  const out = new Float32Array(numBlocks * weightsPerBlock);
  const decode = decoders[type];
  for (let block = 0; block < numBlocks; block++)
    decode(view, block * bytesPerBlock, out, block * weightsPerBlock);
  return out;
}

const f16 = (bytes: DataView, at: number): number => bytes.getFloat16(at, true);

const decoders: Readonly<Record<RepackedType, BlockDecoder>> = {
  F32: (bytes, start, out, at) => {
    out[at] = bytes.getFloat32(start, true);
  },
  F16: (bytes, start, out, at) => {
    out[at] = f16(bytes, start);
  },
  BF16: (bytes, start, out, at) => {
    out[at] = floatOfBits(bytes.getUint16(start, true) << 16);
  },
  Q4_0: decodeQ4Zero,
  Q4_1: decodeQ4One,
  Q5_0: decodeQ5Zero,
  Q5_1: decodeQ5One,
  Q8_0: decodeQ8Zero,
  Q4_K: decodeQ4K,
  Q5_K: decodeQ5K,
  Q6_K: decodeQ6K,
};

const bitsBuffer = new DataView(new ArrayBuffer(4));

function floatOfBits(bits: number): number {
  bitsBuffer.setInt32(0, bits);
  return bitsBuffer.getFloat32(0);
}

/** { d f16 | 16 bytes: low nibbles are numbers 0–15, high nibbles 16–31 }, w = d·(q − 8) */
function decodeQ4Zero(bytes: DataView, start: number, out: Float32Array, at: number): void {
  const scale = f16(bytes, start);
  for (let j = 0; j < 16; j++) {
    const pair = bytes.getUint8(start + 2 + j);
    out[at + j] = scale * ((pair & 15) - 8);
    out[at + j + 16] = scale * ((pair >> 4) - 8);
  }
}

/** { d f16 | m f16 | 16 bytes as in Q4_0 }, w = d·q + m */
function decodeQ4One(bytes: DataView, start: number, out: Float32Array, at: number): void {
  const [scale, min] = [f16(bytes, start), f16(bytes, start + 2)];
  for (let j = 0; j < 16; j++) {
    const pair = bytes.getUint8(start + 4 + j);
    out[at + j] = scale * (pair & 15) + min;
    out[at + j + 16] = scale * (pair >> 4) + min;
  }
}

/** { d f16 | fifth bits u32: bit i of number i | 16 bytes as in Q4_0 }, w = d·(q − 16) */
function decodeQ5Zero(bytes: DataView, start: number, out: Float32Array, at: number): void {
  const scale = f16(bytes, start);
  for (let i = 0; i < 32; i++) out[at + i] = scale * (fiveBits(bytes, start + 2, start + 6, i) - 16);
}

/** { d f16 | m f16 | fifth bits u32 | 16 bytes }, w = d·q + m */
function decodeQ5One(bytes: DataView, start: number, out: Float32Array, at: number): void {
  const [scale, min] = [f16(bytes, start), f16(bytes, start + 2)];
  for (let i = 0; i < 32; i++) out[at + i] = scale * fiveBits(bytes, start + 4, start + 8, i) + min;
}

function fiveBits(bytes: DataView, fifthBitsAt: number, nibblesAt: number, i: number): number {
  const pair = bytes.getUint8(nibblesAt + (i % 16));
  const nibble = i < 16 ? pair & 15 : pair >> 4;
  return nibble | (((bytes.getUint32(fifthBitsAt, true) >>> i) & 1) << 4);
}

/** { d f16 | 32 × i8 }, w = d·q */
function decodeQ8Zero(bytes: DataView, start: number, out: Float32Array, at: number): void {
  const scale = f16(bytes, start);
  for (let j = 0; j < 32; j++) out[at + j] = scale * bytes.getInt8(start + 2 + j);
}

/**
 * Scale and minimum of sub-block j (of 8) of Q4_K and Q5_K, six bits each in 12 bytes:
 *   j < 4   scale = byte j, min = byte j+4, both without their two top bits
 *   j ≥ 4   low 4 bits from byte j+4 (scale low nibble, min high nibble), two more from the top of bytes j−4 and j
 */
function subBlockScale(bytes: DataView, scalesAt: number, j: number): readonly [scale: number, min: number] {
  const byte = (i: number): number => bytes.getUint8(scalesAt + i);
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
  return [(byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4), (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4)];
}

/** { d f16 | dmin f16 | scales 12 | 128 bytes: 32 hold sub-blocks 2i (low) and 2i+1 (high) }, w = d·s·q − dmin·m */
function decodeQ4K(bytes: DataView, start: number, out: Float32Array, at: number): void {
  const [d, dmin] = [f16(bytes, start), f16(bytes, start + 2)];
  for (let j = 0; j < 8; j++) {
    const [scale, min] = subBlockScale(bytes, start + 4, j);
    for (let l = 0; l < 32; l++) {
      const pair = bytes.getUint8(start + 16 + (j >> 1) * 32 + l);
      out[at + j * 32 + l] = d * scale * (j % 2 === 0 ? pair & 15 : pair >> 4) - dmin * min;
    }
  }
}

/** As Q4_K with 32 bytes of fifth bits before the nibbles: bit j of byte l belongs to number l of sub-block j. */
function decodeQ5K(bytes: DataView, start: number, out: Float32Array, at: number): void {
  const [d, dmin] = [f16(bytes, start), f16(bytes, start + 2)];
  for (let j = 0; j < 8; j++) {
    const [scale, min] = subBlockScale(bytes, start + 4, j);
    for (let l = 0; l < 32; l++) {
      const pair = bytes.getUint8(start + 48 + (j >> 1) * 32 + l);
      const fifth = (bytes.getUint8(start + 16 + l) >> j) & 1;
      const q = (j % 2 === 0 ? pair & 15 : pair >> 4) | (fifth << 4);
      out[at + j * 32 + l] = d * scale * q - dmin * min;
    }
  }
}

/**
 * { low 4 bits 128 | high 2 bits 64 | scales 16 × i8 | d f16 }, w = d·s·(q − 32); two halves of 128 numbers.
 * In a half, number 32k + l (k < 4, l < 32) has its low bits in byte 32·(k mod 2) + l (high nibble for k ≥ 2), its high bits
 * at bit 2k of byte l, and scale 2k + ⌊l/16⌋.
 */
function decodeQ6K(bytes: DataView, start: number, out: Float32Array, at: number): void {
  const d = f16(bytes, start + 208);
  for (let half = 0; half < 2; half++)
    for (let k = 0; k < 4; k++)
      for (let l = 0; l < 32; l++) {
        const pair = bytes.getUint8(start + half * 64 + (k % 2) * 32 + l);
        const high = (bytes.getUint8(start + 128 + half * 32 + l) >> (2 * k)) & 3;
        const scale = bytes.getInt8(start + 192 + half * 8 + 2 * k + (l >> 4));
        const q = (k < 2 ? pair & 15 : pair >> 4) | (high << 4);
        out[at + half * 128 + k * 32 + l] = d * scale * (q - 32);
      }
}
