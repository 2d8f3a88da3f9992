// Quantises 32 weights to 4 or 8 bits with f16 scales. The bytes q are computed with scale and minimum as rounded to f16, so that
// they compensate that rounding.
import { fifteen } from "../numbers/constants";
import { half, toHalf } from "../numbers/half";
import { maxLanes, sumLanes } from "../numbers/exp";

/** Symmetric: q = round(w / scale), scale = max|w| / 127 rounded to f16. Writes 32 bytes; returns the scale's bits. */
export function toInt8(w: usize, q: usize, params: usize): void {
  let largest = f32x4.splat(0);
  for (let i: usize = 0; i < 128; i += 16) largest = f32x4.relaxed_max(largest, f32x4.abs(v128.load(w + i)));
  store<u16>(params, <u16>toHalf(maxLanes(largest) / 127));
  const scale = half(params), inverse = f32x4.splat(scale > 0 ? <f32>1 / scale : 0);
  for (let i: usize = 0; i < 32; i += 8) {
    const low = rounded4(w + 4 * i, inverse), high = rounded4(w + 4 * i + 16, inverse);
    const words = i16x8.narrow_i32x4_s(low, high);
    v128.store64_lane(q + i, i8x16.narrow_i16x8_s(words, words), 0);
  }
}

/** With a scale that f16 rounded down, q is at most 127.06; only a subnormal scale gives more, and then narrowing saturates. */
// @ts-ignore: decorator
@inline
function rounded4(w: usize, inverse: v128): v128 {
  return i32x4.relaxed_trunc_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(w), inverse)));
}

/** q of four weights under scale and minimum, as floats in [0, 15]. */
// @ts-ignore: decorator
@inline
function levels4(w: v128, inverse: v128, low: v128): v128 {
  const q = f32x4.nearest(f32x4.mul(f32x4.sub(w, low), inverse));
  return f32x4.relaxed_min(f32x4.relaxed_max(q, f32x4.splat(0)), fifteen);
}

// The best fit so far. Each thread has its own instance of the module.
let bestError: f32, bestScale: f32, bestLow: f32;

/**
 * One step of a fit: computes q from scale and minimum, then the scale and minimum that fit these q best (least squares over
 * w ≈ scale·q + min), and keeps them if their error is the smallest so far.
 */
function refine(w: usize, scale: f32, low: f32): void {
  const inverse = f32x4.splat(<f32>1 / scale), lowest = f32x4.splat(low);
  let sq = f32x4.splat(0), sqq = sq, sw = sq, sqw = sq, sww = sq;
  for (let i: usize = 0; i < 128; i += 16) {
    const x = v128.load(w + i), q = levels4(x, inverse, lowest);
    sq = f32x4.add(sq, q);
    sqq = f32x4.add(sqq, f32x4.mul(q, q));
    sw = f32x4.add(sw, x);
    sqw = f32x4.add(sqw, f32x4.mul(q, x));
    sww = f32x4.add(sww, f32x4.mul(x, x));
  }
  const Q = sumLanes(sq), QQ = sumLanes(sqq), W = sumLanes(sw), QW = sumLanes(sqw), WW = sumLanes(sww);
  const determinant = <f32>32 * QQ - Q * Q;
  if (!(determinant > 0)) return;
  const fitted = (<f32>32 * QW - Q * W) / determinant, base = (W - fitted * Q) / 32;
  const error = WW - fitted * QW - base * W;
  if (!(error < bestError) || !(fitted > 0)) return;
  bestError = error;
  bestScale = fitted;
  bestLow = base;
}

/**
 * w ≈ scale·q + min, 0 ≤ q ≤ 15. Tries the full range and five narrower ones (a range for outliers is coarse for all others),
 * each followed by a least-squares fit. Writes 32 bytes, and scale and minimum as two f16 at `params`.
 */
export function toInt4(w: usize, q: usize, params: usize): void {
  let low4 = v128.load(w), high4 = low4;
  for (let i: usize = 16; i < 128; i += 16) {
    low4 = f32x4.relaxed_min(low4, v128.load(w + i));
    high4 = f32x4.relaxed_max(high4, v128.load(w + i));
  }
  const high = maxLanes(high4), low = -maxLanes(f32x4.neg(low4)), range = high - low;
  bestError = Infinity;
  bestScale = range / 15;
  bestLow = low;
  if (range > 0) {
    for (let cut: f32 = 0; cut < 0.125; cut += 0.025) refine(w, (range * (1 - 2 * cut)) / 15, low + cut * range);
    refine(w, bestScale, bestLow);
  }
  store<u16>(params, <u16>toHalf(bestScale));
  store<u16>(params, <u16>toHalf(bestLow), 2);
  const scale = half(params), base = f32x4.splat(half(params + 2));
  const inverse = f32x4.splat(scale > 0 ? <f32>1 / scale : 0);
  for (let i: usize = 0; i < 32; i += 4) {
    const level = i32x4.relaxed_trunc_f32x4_s(levels4(v128.load(w + 4 * i), inverse, base));
    const words = i16x8.narrow_i32x4_s(level, level);
    v128.store32_lane(q + i, i8x16.narrow_i16x8_u(words, words), 0);
  }
}
