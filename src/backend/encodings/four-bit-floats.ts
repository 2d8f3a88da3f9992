/**
 * @module Four bits that name one of 16 uneven levels. Layouts: ggml-common.h (block_iq4_nl, block_iq4_xs, block_mxfp4,
 * block_nvfp4); levels of the last two: 4-bit floats e2m1 (OCP Microscaling Formats 1.0, §5.3.3), doubled.
 */
import { type DecodedBlock, halfAt, nibbleAt } from "./decoded-block.ts";

const nonlinearLevels = Int8Array.of(
  -127,
  -104,
  -83,
  -65,
  -49,
  -35,
  -22,
  -10,
  1,
  13,
  25,
  38,
  53,
  69,
  89,
  113,
);
const floatLevels = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

/** `width` levels from `width / 2` bytes: all low nibbles, then all high ones. */
function readLevels(
  bytes: DataView,
  at: number,
  levels: Int8Array,
  numbers: Int16Array,
  first: number,
  width: number,
): void {
  const half = width / 2;
  for (let l = 0; l < half; l++) {
    const pair = bytes.getUint8(at + l);
    numbers[first + l] = levels[pair & 15] ?? 0;
    numbers[first + half + l] = levels[pair >> 4] ?? 0;
  }
}

/** { d f16 | 16 bytes }, w = d·level */
export function decodeIQ4NL(
  bytes: DataView,
  start: number,
  { numbers, scales, offsets }: DecodedBlock,
): void {
  scales.fill(halfAt(bytes, start), 0, 2);
  offsets.fill(0, 0, 2);
  readLevels(bytes, start + 2, nonlinearLevels, numbers, 0, 32);
}

/** { d f16 | high bit pairs of 8 scales u16 | 4 bytes of their low nibbles | 8 × 16 bytes }, w = d·(s − 32)·level */
export function decodeIQ4XS(
  bytes: DataView,
  start: number,
  { numbers, scales, offsets }: DecodedBlock,
): void {
  const [d, high] = [halfAt(bytes, start), bytes.getUint16(start + 2, true)];
  offsets.fill(0);
  for (let group = 0; group < 8; group++) {
    const s = nibbleAt(bytes, start + 4, group) | (((high >> (2 * group)) & 3) << 4);
    scales.fill(d * (s - 32), 2 * group, 2 * group + 2);
    readLevels(bytes, start + 8 + 16 * group, nonlinearLevels, numbers, 32 * group, 32);
  }
}

/** { exponent e8m0 | 16 bytes }, w = 2^(e − 127)·level/2 */
export function decodeMXFP4(
  bytes: DataView,
  start: number,
  { numbers, scales, offsets }: DecodedBlock,
): void {
  scales.fill(2 ** (bytes.getUint8(start) - 128), 0, 2);
  offsets.fill(0, 0, 2);
  readLevels(bytes, start + 1, floatLevels, numbers, 0, 32);
}

/** { 4 scales e4m3 | 4 × 8 bytes }, w = s·level/2; the tensor's own factor comes on top */
export function decodeNVFP4(
  bytes: DataView,
  start: number,
  { numbers, scales, offsets }: DecodedBlock,
): void {
  offsets.fill(0, 0, 4);
  for (let run = 0; run < 4; run++) {
    scales[run] = e4m3(bytes.getUint8(start + run)) / 2;
    readLevels(bytes, start + 4 + 8 * run, floatLevels, numbers, 16 * run, 16);
  }
}

/** Scales have no sign: ggml does not read their first bit, and takes 127, which is no number, for 0. */
function e4m3(bits: number): number {
  if (bits === 127) return 0;
  const [exponent, mantissa] = [(bits >> 3) & 15, bits & 7];
  return exponent === 0 ? mantissa / 512 : (1 + mantissa / 8) * 2 ** (exponent - 7);
}
