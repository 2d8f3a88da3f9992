// Writes this step's keys and values into their slots of the paged cache (src/core/kv-layout.ts has the layout).
//
// A token's scale and minimum depend only on its own head, so the stored bytes do not depend on the chunks of a prompt.
// Limit: scattered 2-byte stores of the keys (a key is a column of its tile).
import { loadPart, maxLanes, sumLanes } from "../numbers/exp";
import { rotateHead } from "./hadamard";
import { half, toHalf, toHalves4 } from "../numbers/half";
import {
  job_end, job_start, storeKvF16_headDim, storeKvF16_key, storeKvF16_keyStride, storeKvF16_kv, storeKvF16_numKvHeads,
  storeKvF16_numTokens, storeKvF16_scratch, storeKvF16_slots, storeKvF16_value, storeKvF16_valueStride,
} from "../job-fields";
import { dataBytes, headBytes } from "./kv-tile";

/** Address of column `lane` in the head's K tile; that of row `lane` in the V tile follows from it. */
function tileOf<T>(job: usize, token: u32, head: u32): usize {
  const slot = load<u32>(<usize>load<u32>(job, storeKvF16_slots) + (token << 2));
  const index = (slot >>> 4) * load<u32>(job, storeKvF16_numKvHeads) + head;
  return <usize>load<u32>(job, storeKvF16_kv) + <usize>index * <usize>headBytes<T>(load<u32>(job, storeKvF16_headDim));
}

function laneOf(job: usize, token: u32): u32 {
  return load<u32>(<usize>load<u32>(job, storeKvF16_slots) + (token << 2)) & 15;
}

function storeHeadF16(key: usize, value: usize, tile: usize, lane: u32, headDim: u32): void {
  let keys = tile + (lane << 1), values = tile + (headDim << 5) + lane * (headDim << 1);
  let d: u32 = 0;
  for (; d + 4 <= headDim; d += 4) {
    const k = toHalves4(v128.load(key + (d << 2)));
    v128.store16_lane(keys, k, 0, 0);
    v128.store16_lane(keys, k, 2, 32);
    v128.store16_lane(keys, k, 4, 64);
    v128.store16_lane(keys, k, 6, 96);
    const v = toHalves4(v128.load(value + (d << 2)));
    v128.store64_lane(values, i16x8.narrow_i32x4_u(v, v), 0);
    keys += 128;
    values += 8;
  }
  for (; d < headDim; d++) {
    const k = toHalves4(f32x4.splat(load<f32>(key + (d << 2)))), v = toHalves4(f32x4.splat(load<f32>(value + (d << 2))));
    store<u16>(keys, <u16>i32x4.extract_lane(k, 0));
    store<u16>(values, <u16>i32x4.extract_lane(v, 0));
    keys += 32;
    values += 2;
  }
}

/** q of four numbers, as floats in [0, levels]. */
// @ts-ignore: decorator
@inline
function steps4(x: v128, lowest: v128, divisor: v128, top: v128): v128 {
  const q = f32x4.nearest(f32x4.div(f32x4.sub(x, lowest), divisor));
  return f32x4.relaxed_max(f32x4.relaxed_min(q, top), f32x4.splat(0));
}

/** The scale and minimum that fit best (least squares) to the q that result from those at `params`. */
function fitParams(x: usize, n: u32, params: usize): void {
  if (half(params) == 0) return;
  const divisor = f32x4.splat(half(params)), lowest = f32x4.splat(half(params + 2)), top = f32x4.splat(15);
  let sq = f32x4.splat(0), sqq = sq, sx = sq, sqx = sq;
  for (let i: u32 = 0; i < n; ) {
    // If the width of a head is not a multiple of 4, its last numbers are done one at a time, in the first lane.
    const whole = i + 4 <= n;
    const v = whole ? v128.load(x + (i << 2)) : v128.load32_zero(x + (i << 2));
    const q = v128.and(steps4(v, lowest, divisor, top), whole ? i32x4.splat(-1) : i32x4(-1, 0, 0, 0));
    sq = f32x4.add(sq, q);
    sqq = f32x4.add(sqq, f32x4.mul(q, q));
    sx = f32x4.add(sx, v);
    sqx = f32x4.add(sqx, f32x4.mul(q, v));
    i += whole ? 4 : 1;
  }
  const count = <f32>n, Q = sumLanes(sq), X = sumLanes(sx);
  const determinant = count * sumLanes(sqq) - Q * Q;
  if (!(determinant > 0)) return;
  const scale = (count * sumLanes(sqx) - Q * X) / determinant;
  store<u16>(params, <u16>toHalf(scale));
  store<u16>(params, <u16>toHalf((X - scale * Q) / count), 2);
}

/**
 * Quantises n numbers to bytes q in [0, levels] at `out` (which may be x itself), and writes {scale, min} to `params`. q is
 * computed with scale and minimum as rounded to f16, so that it compensates their rounding.
 */
function quantiseHead(x: usize, n: u32, levels: f32, params: usize, out: usize): void {
  let low4 = v128.load32_splat(x), high4 = low4;
  let i: u32 = 0;
  for (; i + 4 <= n; i += 4) {
    const v = v128.load(x + (i << 2));
    low4 = f32x4.relaxed_min(low4, v);
    high4 = f32x4.relaxed_max(high4, v);
  }
  for (; i < n; i++) {
    const v = v128.load32_splat(x + (i << 2));
    low4 = f32x4.relaxed_min(low4, v);
    high4 = f32x4.relaxed_max(high4, v);
  }
  const low = -maxLanes(f32x4.neg(low4)), high = maxLanes(high4);
  store<u16>(params, <u16>toHalf(low), 2);
  store<u16>(params, <u16>toHalf((high - half(params + 2)) / levels));
  if (levels == 15) fitParams(x, n, params);
  const scale = half(params), lowest = f32x4.splat(half(params + 2)), top = f32x4.splat(levels);
  if (scale == 0) return memory.fill(out, 0, n);
  const divisor = f32x4.splat(scale);
  for (i = 0; i < n; i += 4) {
    const v = i + 4 <= n ? v128.load(x + (i << 2)) : loadPart(x + (i << 2), n - i);
    const words = i32x4.relaxed_trunc_f32x4_s(steps4(v, lowest, divisor, top));
    const pairs = i16x8.narrow_i32x4_s(words, words);
    v128.store32_lane(out + i, i8x16.narrow_i16x8_u(pairs, pairs), 0);
  }
}

function storeHeadInt8(key: usize, value: usize, tile: usize, lane: u32, headDim: u32, scratch: usize): void {
  const params = tile + 2 * dataBytes<u8>(headDim) + (lane << 2);
  quantiseHead(key, headDim, 255, params, scratch);
  for (let d: u32 = 0; d < headDim; d++) store<u8>(tile + lane + (d << 4), load<u8>(scratch + d));
  quantiseHead(value, headDim, 255, params + 64, scratch);
  memory.copy(tile + dataBytes<u8>(headDim) + lane * headDim, scratch, headDim);
}

/** A key's numbers are nibbles in bytes that it shares with token lane ^ 8. */
function storeHeadInt4(key: usize, value: usize, tile: usize, lane: u32, headDim: u32, scratch: usize): void {
  const params = tile + 2 * dataBytes<i8>(headDim) + (lane << 2), shift = (lane & 8) >>> 1, others = <u32>0xf0 >>> shift;
  memory.copy(scratch, key, headDim << 2);
  rotateHead(scratch, headDim);
  quantiseHead(scratch, headDim, 15, params, scratch);
  for (let d: u32 = 0; d < headDim; d++) {
    const at = tile + (d << 3) + (lane & 7);
    store<u8>(at, <u8>((<u32>load<u8>(at) & others) | (<u32>load<u8>(scratch + d) << shift)));
  }
  memory.copy(scratch, value, headDim << 2);
  rotateHead(scratch, headDim);
  quantiseHead(scratch, headDim, 15, params + 64, scratch);
  const middle = headDim >>> 1, row = tile + dataBytes<i8>(headDim) + lane * middle;
  for (let d: u32 = 0; d < middle; d++)
    store<u8>(row + d, load<u8>(scratch + d) | (load<u8>(scratch + middle + d) << 4));
}

/** Token rows [first, first + numTokens); the fields of a prepareHeads job begin with those of storeKv. */
export function storeKv<T>(job: usize, first: u32): void {
  const headDim = load<u32>(job, storeKvF16_headDim), numTokens = load<u32>(job, storeKvF16_numTokens);
  const keyStride = load<u32>(job, storeKvF16_keyStride), valueStride = load<u32>(job, storeKvF16_valueStride);
  for (let head = load<u32>(job, job_start), end = load<u32>(job, job_end); head < end; head++) {
    let key = <usize>load<u32>(job, storeKvF16_key) + ((head * headDim) << 2) + first * keyStride;
    let value = <usize>load<u32>(job, storeKvF16_value) + ((head * headDim) << 2) + first * valueStride;
    const scratch = <usize>load<u32>(job, storeKvF16_scratch);
    for (let t = first; t < first + numTokens; t++) {
      const tile = tileOf<T>(job, t, head), lane = laneOf(job, t);
      if (sizeof<T>() == 2) storeHeadF16(key, value, tile, lane, headDim);
      else if (isSigned<T>()) storeHeadInt4(key, value, tile, lane, headDim, scratch);
      else storeHeadInt8(key, value, tile, lane, headDim, scratch);
      key += keyStride;
      value += valueStride;
    }
  }
}

export function storeKvF16(job: usize): void {
  storeKv<u16>(job, 0);
}

export function storeKvInt8(job: usize): void {
  storeKv<u8>(job, 0);
}

export function storeKvInt4(job: usize): void {
  storeKv<i8>(job, 0);
}
