// The place of a KV head in a tile, and its numbers as f32 (src/core/kv-layout.ts has the layout).
//
// The type parameter stands for the cache's type: u16 f16, u8 int8, i8 int4.
// f16 are read times 2^-112 (half.ts); the other factor of a product must have 2^112.
import { foldWhole, halfBits, nibbles } from "../numbers/constants";
import { halves4Raw } from "../numbers/half";

// @ts-ignore: decorator
@inline
export function dataBytes<T>(headDim: u32): u32 {
  if (sizeof<T>() == 2) return headDim * 32;
  return isSigned<T>() ? headDim * 8 : headDim * 16;
}

// @ts-ignore: decorator
@inline
export function headBytes<T>(headDim: u32): u32 {
  return 2 * dataBytes<T>(headDim) + (sizeof<T>() == 2 ? 0 : 128);
}

const lowNibble: u32 = 15;

/** Writes eight small whole numbers to `out`: four times s + m, the other four times t + n. */
// @ts-ignore: decorator
@inline
function store8(out: usize, numbers: v128, s: v128, m: v128, t: v128, n: v128): void {
  v128.store(out, f32x4.relaxed_madd(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(numbers)), s, m));
  v128.store(out, f32x4.relaxed_madd(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(numbers)), t, n), 16);
}

/** Four {scale, min} pairs: their scales. */
// @ts-ignore: decorator
@inline
function scalesOf(pairs: v128): v128 {
  return halvesOf(i32x4.shr_s(i32x4.shl(pairs, 16), 16));
}

// @ts-ignore: decorator
@inline
function minimaOf(pairs: v128): v128 {
  return halvesOf(i32x4.shr_s(pairs, 16));
}

// @ts-ignore: decorator
@inline
function halvesOf(bits: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(bits, 13), halfBits), foldWhole);
}

/** K of one head, int8 or int4: [headDim][16 tokens] f32 to `out`. */
export function loadKeys<T>(tile: usize, headDim: u32, out: usize): void {
  const params = tile + 2 * dataBytes<T>(headDim);
  const p0 = v128.load(params), p1 = v128.load(params, 16), p2 = v128.load(params, 32), p3 = v128.load(params, 48);
  const s0 = scalesOf(p0), s1 = scalesOf(p1), s2 = scalesOf(p2), s3 = scalesOf(p3);
  const m0 = minimaOf(p0), m1 = minimaOf(p1), m2 = minimaOf(p2), m3 = minimaOf(p3);
  for (const last = out + (headDim << 6); out < last; out += 64) {
    const bytes = v128.load8x8_u(tile);
    if (isSigned<T>()) {
      store8(out, v128.and(bytes, nibbles), s0, m0, s1, m1);
      store8(out + 32, i16x8.shr_u(bytes, 4), s2, m2, s3, m3);
      tile += 8;
    } else {
      store8(out, bytes, s0, m0, s1, m1);
      store8(out + 32, v128.load8x8_u(tile + 8), s2, m2, s3, m3);
      tile += 16;
    }
  }
}

/** V of one head: [16 tokens][rowFloats] f32 to `out`; rowFloats is headDim rounded up to 4, the rest is 0. */
export function loadValues<T>(tile: usize, headDim: u32, out: usize): void {
  const values = tile + dataBytes<T>(headDim), params = values + dataBytes<T>(headDim) + 64;
  const rowBytes = <usize>(((headDim + 3) & ~3) << 2);
  for (let token: u32 = 0; token < 16; token++) {
    const row = values + token * (dataBytes<T>(headDim) >>> 4);
    if (sizeof<T>() == 2) {
      valueRowF16(row, headDim, out);
    } else {
      const pair = v128.load32_splat(params + (token << 2));
      const scale = scalesOf(pair), min = minimaOf(pair);
      if (isSigned<T>()) valueRowInt4(row, headDim, out, scale, min);
      else valueRowInt8(row, headDim, out, scale, min);
    }
    out += rowBytes;
  }
}

function valueRowF16(row: usize, headDim: u32, out: usize): void {
  let d: u32 = 0;
  for (; d + 4 <= headDim; d += 4) v128.store(out + (d << 2), halves4Raw(row + (d << 1)));
  for (; d < headDim; d++) {
    const bits = <i32>load<i16>(row + (d << 1));
    store<i32>(out + (d << 2), (bits << 13) & 0x8fffffff);
  }
}

function valueRowInt8(row: usize, headDim: u32, out: usize, scale: v128, min: v128): void {
  let d: u32 = 0;
  for (; d + 8 <= headDim; d += 8) store8(out + (d << 2), v128.load8x8_u(row + d), scale, min, scale, min);
  for (; d < headDim; d++) storeValue(out, d, <u32>load<u8>(row + d), scale, min);
}

function valueRowInt4(row: usize, headDim: u32, out: usize, scale: v128, min: v128): void {
  const half = headDim >>> 1, high = out + (half << 2);
  let d: u32 = 0;
  for (; d + 8 <= half; d += 8) {
    const bytes = v128.load8x8_u(row + d);
    store8(out + (d << 2), v128.and(bytes, nibbles), scale, min, scale, min);
    store8(high + (d << 2), i16x8.shr_u(bytes, 4), scale, min, scale, min);
  }
  for (; d < half; d++) {
    const pair = <u32>load<u8>(row + d);
    storeValue(out, d, pair & lowNibble, scale, min);
    storeValue(high, d, pair >>> 4, scale, min);
  }
}

function storeValue(out: usize, d: u32, q: u32, scale: v128, min: v128): void {
  const value = f32x4.relaxed_madd(f32x4.splat(<f32>q), scale, min);
  store<f32>(out + (d << 2), f32x4.extract_lane(value, 0));
}
