/**
 * @module Encodings that name points of a list, four or eight weights each, with their signs apart. Layouts:
 * ggml-common.h (block_iq1_s, block_iq1_m, block_iq2_xxs … block_iq3_s).
 */
import { type DecodedBlock, halfAt, nibbleAt } from "./decoded-block.ts";
import {
  iq1Points,
  iq2sPoints,
  iq2xsPoints,
  iq2xxsPoints,
  iq3sPoints,
  iq3xxsPoints,
} from "./lattice-points.ts";

/** Seven signs as they are; the eighth makes their number even. */
function eightSigns(seven: number): number {
  let parity = seven ^ (seven >> 4);
  parity ^= parity >> 2;
  return seven | (((parity ^ (parity >> 1)) & 1) << 7);
}

/** Weights [first, first + width) become point `index` of `points`; bit i of `signs` turns number i round. */
function placePoint(
  numbers: Int16Array,
  first: number,
  points: Int8Array,
  index: number,
  width: 4 | 8,
  signs: number,
): void {
  for (let i = 0; i < width; i++) {
    const magnitude = points[index * width + i] ?? 0;
    numbers[first + i] = (signs >> i) & 1 ? -magnitude : magnitude;
  }
}

/** { d f16 | 8 × (4 indices, u32: four times seven signs and a scale s) }, w = d/8·(2s + 1)·point */
export function decodeIQ2XXS(
  bytes: DataView,
  start: number,
  { numbers, scales, offsets }: DecodedBlock,
): void {
  const d = halfAt(bytes, start);
  offsets.fill(0);
  for (let group = 0; group < 8; group++) {
    const at = start + 2 + 8 * group;
    const packed = bytes.getUint32(at + 4, true);
    scales.fill((d * (2 * (packed >>> 28) + 1)) / 8, 2 * group, 2 * group + 2);
    for (let p = 0; p < 4; p++) {
      const signs = eightSigns((packed >>> (7 * p)) & 127);
      placePoint(numbers, 32 * group + 8 * p, iq2xxsPoints, bytes.getUint8(at + p), 8, signs);
    }
  }
}

/** { d f16 | 32 × u16: index 9 bits, seven signs | 16 scales s of 4 bits }, w = d/8·(2s + 1)·point */
export function decodeIQ2XS(
  bytes: DataView,
  start: number,
  { numbers, scales, offsets }: DecodedBlock,
): void {
  readScalesOfIQ2(bytes, start, start + 66, scales, offsets);
  for (let p = 0; p < 32; p++) {
    const packed = bytes.getUint16(start + 2 + 2 * p, true);
    placePoint(numbers, 8 * p, iq2xsPoints, packed & 511, 8, eightSigns(packed >> 9));
  }
}

/** { d f16 | 32 low bytes of indices | 32 × eight signs | 8 bytes of their high bit pairs | 16 scales s of 4 bits } */
export function decodeIQ2S(bytes: DataView, start: number, { numbers, scales, offsets }: DecodedBlock): void {
  readScalesOfIQ2(bytes, start, start + 74, scales, offsets);
  for (let p = 0; p < 32; p++) {
    const high = (bytes.getUint8(start + 66 + (p >> 2)) >> (2 * (p & 3))) & 3;
    const index = bytes.getUint8(start + 2 + p) | (high << 8);
    placePoint(numbers, 8 * p, iq2sPoints, index, 8, bytes.getUint8(start + 34 + p));
  }
}

function readScalesOfIQ2(
  bytes: DataView,
  start: number,
  scalesAt: number,
  scales: Float64Array,
  offsets: Float64Array,
): void {
  const d = halfAt(bytes, start);
  offsets.fill(0);
  for (let run = 0; run < 16; run++) scales[run] = (d * (2 * nibbleAt(bytes, scalesAt, run) + 1)) / 8;
}

/** { d f16 | 64 indices | 8 × u32: four times seven signs and a scale s }, w = d/4·(2s + 1)·point */
export function decodeIQ3XXS(
  bytes: DataView,
  start: number,
  { numbers, scales, offsets }: DecodedBlock,
): void {
  const d = halfAt(bytes, start);
  offsets.fill(0);
  for (let group = 0; group < 8; group++) {
    const packed = bytes.getUint32(start + 66 + 4 * group, true);
    scales.fill((d * (2 * (packed >>> 28) + 1)) / 4, 2 * group, 2 * group + 2);
    for (let p = 0; p < 8; p++) {
      const signs = eightSigns((packed >>> (7 * (p >> 1))) & 127) >> (4 * (p & 1));
      const index = bytes.getUint8(start + 2 + 8 * group + p);
      placePoint(numbers, 32 * group + 4 * p, iq3xxsPoints, index, 4, signs);
    }
  }
}

/** { d f16 | 64 low bytes of indices | 8 bytes of their ninth bits | 32 × eight signs | 8 scales s of 4 bits }, w = d·(2s + 1)·point */
export function decodeIQ3S(bytes: DataView, start: number, { numbers, scales, offsets }: DecodedBlock): void {
  const d = halfAt(bytes, start);
  offsets.fill(0);
  for (let group = 0; group < 8; group++)
    scales.fill(d * (2 * nibbleAt(bytes, start + 106, group) + 1), 2 * group, 2 * group + 2);
  for (let p = 0; p < 64; p++) {
    const ninth = (bytes.getUint8(start + 66 + (p >> 3)) >> (p & 7)) & 1;
    const index = bytes.getUint8(start + 2 + p) | (ninth << 8);
    const signs = bytes.getUint8(start + 74 + (p >> 1)) >> (4 * (p & 1));
    placePoint(numbers, 4 * p, iq3sPoints, index, 4, signs);
  }
}

/**
 * { d f16 | 32 low bytes of indices | 8 × u16: four times three high bits, a scale s of 3 bits, the shift's sign },
 * w = d·(2s + 1)·(point ± 1/8), points of −1, 0 and 1. The numbers are those of the point plus 1.
 */
export function decodeIQ1S(bytes: DataView, start: number, { numbers, scales, offsets }: DecodedBlock): void {
  const d = halfAt(bytes, start);
  for (let group = 0; group < 8; group++) {
    const packed = bytes.getUint16(start + 34 + 2 * group, true);
    const scale = d * (2 * ((packed >> 12) & 7) + 1);
    const shift = packed >> 15 === 0 ? 1 / 8 : -1 / 8;
    scales.fill(scale, 2 * group, 2 * group + 2);
    offsets.fill(scale * (shift - 1), 2 * group, 2 * group + 2);
    for (let p = 0; p < 4; p++) {
      const index = bytes.getUint8(start + 2 + 4 * group + p) | (((packed >> (3 * p)) & 7) << 8);
      for (let i = 0; i < 8; i++) numbers[32 * group + 8 * p + i] = (iq1Points[8 * index + i] ?? 0) + 1;
    }
  }
}

/**
 * { 32 low bytes of indices | 32 nibbles: three high bits, the shift's sign | 4 × u16: four scales s of 3 bits, and four
 * bits of d }, w = d·(2s + 1)·(point ± 1/8). The numbers are 8·(2s + 1)·(point ± 1/8), at most 135.
 */
export function decodeIQ1M(bytes: DataView, start: number, { numbers, scales, offsets }: DecodedBlock): void {
  const words = [0, 1, 2, 3].map((word) => bytes.getUint16(start + 48 + 2 * word, true));
  scales.fill(halfOfBits(words.reduce((bits, word, i) => bits | ((word >> 12) << (4 * i)), 0)) / 8);
  offsets.fill(0);
  for (let p = 0; p < 32; p++) {
    const run = p >> 1;
    const s = ((words[run >> 2] ?? 0) >> (3 * (run & 3))) & 7;
    const nibble = nibbleAt(bytes, start + 32, p);
    const index = bytes.getUint8(start + p) | ((nibble & 7) << 8);
    const shift = nibble & 8 ? -1 : 1;
    for (let i = 0; i < 8; i++)
      numbers[8 * p + i] = (2 * s + 1) * (8 * (iq1Points[8 * index + i] ?? 0) + shift);
  }
}

const halfWord = new DataView(new ArrayBuffer(2));

function halfOfBits(bits: number): number {
  halfWord.setUint16(0, bits);
  return halfWord.getFloat16(0);
}
