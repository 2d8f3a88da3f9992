// The exponential function of four numbers, and functions that use it.
import {
  expHighest, expLowest, exponentBias, inverse120, inverse2, inverse24, inverse5040, inverse6, inverse720, ln2High,
  ln2Low, log2OfE, one,
} from "./constants";

/**
 * e^x = 2^n · e^r with n = round(x / ln 2), |r| ≤ ln 2 / 2, where Taylor's series to r^7 is off by r^8/8! < 6e-9.
 * x is clamped to [-87, 88], where results are normal numbers.
 */
// @ts-ignore: decorator
@inline
export function exp4(value: v128): v128 {
  return scaledExp4(f32x4.relaxed_min(f32x4.relaxed_max(value, expLowest), expHighest), exponentBias);
}

/** e^x · 2^(bias − 127), as exact as e^x; x at least -87. */
// @ts-ignore: decorator
@inline
export function scaledExp4(x: v128, bias: v128): v128 {
  const n = f32x4.nearest(f32x4.mul(x, log2OfE));
  const r = f32x4.relaxed_madd(n, ln2Low, f32x4.relaxed_madd(n, ln2High, x));
  let p = f32x4.relaxed_madd(inverse5040, r, inverse720);
  p = f32x4.relaxed_madd(p, r, inverse120);
  p = f32x4.relaxed_madd(p, r, inverse24);
  p = f32x4.relaxed_madd(p, r, inverse6);
  p = f32x4.relaxed_madd(p, r, inverse2);
  p = f32x4.relaxed_madd(p, r, one);
  p = f32x4.relaxed_madd(p, r, one);
  return f32x4.mul(p, i32x4.shl(i32x4.add(i32x4.relaxed_trunc_f32x4_s(n), bias), 23));
}

// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

/** tanh x = 1 − 2 / (e^2x + 1); absolute error below 2e-7, enough for a soft cap. */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  return f32x4.sub(one, f32x4.div(f32x4.splat(2.0), f32x4.add(exp4(f32x4.add(x, x)), one)));
}

/** x·Φ(x) by tanh: ½(1 + tanh u) is sigmoid(2u), u = √(2/π)·(x + 0.044715 x³). */
// @ts-ignore: decorator
@inline
export function geluTanh4(x: v128): v128 {
  const cubic = f32x4.relaxed_madd(f32x4.mul(x, x), f32x4.splat(0.044715), one);
  return f32x4.mul(x, sigmoid4(f32x4.mul(f32x4.mul(x, cubic), f32x4.splat(1.5957691216057308))));
}

// @ts-ignore: decorator
@inline
export function silu4(x: v128): v128 {
  return f32x4.mul(x, sigmoid4(x));
}

// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

// @ts-ignore: decorator
@inline
export function maxLanes(v: v128): f32 {
  return max<f32>(
    max<f32>(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max<f32>(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** Four numbers at `at`, of which only the first `numValid` may be read; the others are 0. */
export function loadPart(at: usize, numValid: u32): v128 {
  let v = f32x4.splat(0);
  if (numValid > 0) v = f32x4.replace_lane(v, 0, load<f32>(at));
  if (numValid > 1) v = f32x4.replace_lane(v, 1, load<f32>(at, 4));
  if (numValid > 2) v = f32x4.replace_lane(v, 2, load<f32>(at, 8));
  return v;
}

/** Writes the first `numValid` < 4 numbers of `v`. */
export function storePart(at: usize, v: v128, numValid: u32): void {
  if (numValid > 0) store<f32>(at, f32x4.extract_lane(v, 0));
  if (numValid > 1) store<f32>(at, f32x4.extract_lane(v, 1), 4);
  if (numValid > 2) store<f32>(at, f32x4.extract_lane(v, 2), 8);
}
