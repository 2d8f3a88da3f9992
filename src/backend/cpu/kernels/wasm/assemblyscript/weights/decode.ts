// One group of 32 numbers of a stored row as f32. Encodings: ggml's block structs; the blocks of a row are adjacent.
//
//   Q4_0  d, 16 bytes           d·(q − 8)        byte i: low nibble number i, high nibble number i + 16
//   Q4_1  d, m, 16 bytes        d·q + m          the same
//   Q5_0  d, 32 bits, 16 bytes  d·(q − 16)       bit i is the fifth bit of number i
//   Q5_1  d, m, 32 bits, 16 bytes  d·q + m
//   Q8_0  d, 32 signed bytes    d·q
//   Q4_K  d, dmin, 12 bytes of 6-bit scales and minima, 128 bytes; groups 2i and 2i+1 share 32 bytes (low, high nibbles)
//   Q5_K  d, dmin, 12 bytes, 32 bytes of fifth bits (bit g for group g), 128 bytes
//   Q6_K  128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales (one per 16 numbers), d
import { bfloats4, half, halves4 } from "../numbers/half";

// Codes of src/backend/cpu/kernels/jobs.ts, tensorTypeCodes.
export const typeF32: u32 = 0;
export const typeF16: u32 = 1;
export const typeBf16: u32 = 2;
export const typeQ40: u32 = 3;
export const typeQ41: u32 = 4;
export const typeQ50: u32 = 5;
export const typeQ51: u32 = 6;
export const typeQ80: u32 = 7;
export const typeQ4K: u32 = 8;
export const typeQ5K: u32 = 9;
export const typeQ6K: u32 = 10;

/** 6-bit scale of group g of a K block (its `scales` at `at`). */
export function scaleOfK(at: usize, g: u32): u32 {
  if (g < 4) return <u32>load<u8>(at + g) & 63;
  return (<u32>load<u8>(at + g + 4) & 15) | ((<u32>load<u8>(at + g - 4) >>> 6) << 4);
}

export function minOfK(at: usize, g: u32): u32 {
  if (g < 4) return <u32>load<u8>(at + g + 4) & 63;
  return (<u32>load<u8>(at + g + 4) >>> 4) | ((<u32>load<u8>(at + g) >>> 6) << 4);
}

function decodeFloats(row: usize, group: u32, type: u32, out: usize): void {
  for (let i: usize = 0; i < 32; i += 4) {
    const k = <usize>(group << 5) + i;
    let v: v128;
    if (type == typeF32) v = v128.load(row + 4 * k);
    else v = type == typeF16 ? halves4(row + 2 * k) : bfloats4(row + 2 * k);
    v128.store(out + 4 * i, v);
  }
}

/** The 16 bytes at `at` as 32 nibbles, one per byte, to `q`. */
// @ts-ignore: decorator
@inline
export function spreadNibbles(at: usize, q: usize): void {
  const bytes = v128.load(at);
  v128.store(q, v128.and(bytes, i8x16.splat(15)));
  v128.store(q, i8x16.shr_u(bytes, 4), 16);
}

/** Bit i of `bits` as 16 or 0 in byte i of 16. */
// @ts-ignore: decorator
@inline
function fifths(bits: u32): v128 {
  const eight = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  const spread = i8x16.swizzle(i32x4.splat(bits), i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  return v128.and(i8x16.eq(v128.and(spread, eight), eight), i8x16.splat(16));
}

/** Nibbles at `low` and fifth bits of a Q5_0 or Q5_1 block to 32 bytes at `q`. */
export function spreadFives(low: usize, bits: u32, q: usize): void {
  spreadNibbles(low, q);
  v128.store(q, v128.or(v128.load(q), fifths(bits)));
  v128.store(q, v128.or(v128.load(q, 16), fifths(bits >>> 16)), 16);
}

/** out = scale·q + low of 32 unsigned bytes. */
function affine(q: usize, scale: f32, low: f32, out: usize): void {
  const s = f32x4.splat(scale), m = f32x4.splat(low);
  for (let i: usize = 0; i < 32; i += 4) {
    const words = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(q + i)));
    v128.store(out + 4 * i, f32x4.add(f32x4.mul(s, f32x4.convert_i32x4_s(words)), m));
  }
}

function decodeQ5K(block: usize, g: u32, q: usize, out: usize): void {
  const low = block + 48 + ((g >>> 1) << 5), shift = <i32>(g & 1) << 2, mask = i8x16.splat(15), one = i8x16.splat(1);
  for (let i: usize = 0; i < 32; i += 16) {
    const nibbles = v128.and(i8x16.shr_u(v128.load(low + i), shift), mask);
    const fifth = v128.and(i8x16.shr_u(v128.load(block + 16 + i), <i32>g), one);
    v128.store(q + i, v128.or(nibbles, i8x16.shl(fifth, 4)));
  }
  const scale = half(block) * <f32>scaleOfK(block + 4, g), low32 = -half(block + 2) * <f32>minOfK(block + 4, g);
  affine(q, scale, low32, out);
}

/** Numbers 0 … 15 and 16 … 31 of the group have separate scales. */
function decodeQ6K(block: usize, g: u32, q: usize, out: usize): void {
  const part = g & 3, side = g >>> 2, d = half(block + 208);
  const low = block + (side << 6) + ((part & 1) << 5), high = block + 128 + (side << 5);
  const scales = block + 192 + (side << 3) + (part << 1), shift = <i32>(part >>> 1) << 2, pair = <i32>part << 1;
  for (let i: usize = 0; i < 32; i += 16) {
    const nibbles = v128.and(i8x16.shr_u(v128.load(low + i), shift), i8x16.splat(15));
    const pairs = v128.and(i8x16.shr_u(v128.load(high + i), pair), i8x16.splat(3));
    v128.store(q, i8x16.sub(v128.or(nibbles, i8x16.shl(pairs, 4)), i8x16.splat(32)));
    scaled16(q, d * <f32>load<i8>(scales + (i >>> 4)), out + 4 * i);
  }
}

/** out = scale·q of 16 signed bytes. */
function scaled16(q: usize, scale: f32, out: usize): void {
  const s = f32x4.splat(scale);
  for (let i: usize = 0; i < 16; i += 4) {
    const words = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(q + i)));
    v128.store(out + 4 * i, f32x4.mul(s, f32x4.convert_i32x4_s(words)));
  }
}

/** Group `group` of the row as 32 f32 at `out`; `q` is 32 bytes of scratch. */
export function decodeGroup(row: usize, group: u32, type: u32, q: usize, out: usize): void {
  if (type <= typeBf16) return decodeFloats(row, group, type, out);
  if (type == typeQ5K) return decodeQ5K(row + <usize>(group >>> 3) * 176, group & 7, q, out);
  if (type == typeQ6K) return decodeQ6K(row + <usize>(group >>> 3) * 210, group & 7, q, out);
  if (type == typeQ4K) {
    const block = row + <usize>(group >>> 3) * 144, g = group & 7;
    spreadQ4K(block, g, q);
    affine(q, half(block) * <f32>scaleOfK(block + 4, g), -half(block + 2) * <f32>minOfK(block + 4, g), out);
  } else if (type == typeQ40) {
    const block = row + <usize>group * 18, d = half(block);
    spreadNibbles(block + 2, q);
    affine(q, d, -8 * d, out);
  } else if (type == typeQ41) {
    const block = row + <usize>group * 20;
    spreadNibbles(block + 4, q);
    affine(q, half(block), half(block + 2), out);
  } else if (type == typeQ50) {
    const block = row + <usize>group * 22, d = half(block);
    spreadFives(block + 6, load<u32>(block, 2), q);
    affine(q, d, -16 * d, out);
  } else if (type == typeQ51) {
    const block = row + <usize>group * 24;
    spreadFives(block + 8, load<u32>(block, 4), q);
    affine(q, half(block), half(block + 2), out);
  } else {
    const block = row + <usize>group * 34, d = half(block);
    scaled16(block + 2, d, out);
    scaled16(block + 18, d, out + 64);
  }
}

/** Group g of a Q4_K block as 32 bytes at `q`. */
export function spreadQ4K(block: usize, g: u32, q: usize): void {
  const low = block + 16 + ((g >>> 1) << 5), mask = i8x16.splat(15);
  const a = v128.load(low), b = v128.load(low, 16);
  v128.store(q, g & 1 ? i8x16.shr_u(a, 4) : v128.and(a, mask));
  v128.store(q, g & 1 ? i8x16.shr_u(b, 4) : v128.and(b, mask), 16);
}
