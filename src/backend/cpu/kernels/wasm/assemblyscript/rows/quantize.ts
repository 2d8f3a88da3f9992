// Activations to int8, groups of 32 with one scale: q = round(x · 127/max|x|), scale = max|x|/127.
//
// The layout is that of src/backend/cpu/footprint/workspace-layout.ts: a token's 4 bytes of k = 4j … 4j+3 are at 16j + 4·(token
// mod 4), scale and Σq at 128 and 144. The result for a token depends only on its row, and it writes only its own 4-byte words, so
// different threads may do different rows.
//
// Limit: instructions, about 2 a number; a few percent of the product that follows.
import { geluTanh4, maxLanes, silu4 } from "../numbers/exp";
import {
  gluQuantize_activation, job_end, job_start, normQuantize_eps, normQuantize_weight, quantizeRows_input,
  quantizeRows_inputStride, quantizeRows_out, quantizeRows_width,
} from "../job-fields";
import { inverseRms } from "./norm";

const bytesPerTokenPackGroup: usize = 160;

// @ts-ignore: decorator
@inline
function larger(a: v128, b: v128): v128 {
  return f32x4.relaxed_max(a, b);
}

// @ts-ignore: decorator
@inline
function rounded(x: v128, factor: v128): v128 {
  return i32x4.relaxed_trunc_f32x4_s(f32x4.nearest(f32x4.mul(x, factor)));
}

/** Writes the 32 numbers a … h as one group of one token; `at` is token pack group + 4 · (token mod 4). */
// @ts-ignore: decorator
@inline
function storeGroup(at: usize, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128): void {
  const ab = larger(f32x4.abs(a), f32x4.abs(b)), cd = larger(f32x4.abs(c), f32x4.abs(d));
  const ef = larger(f32x4.abs(e), f32x4.abs(f)), gh = larger(f32x4.abs(g), f32x4.abs(h));
  const largest = maxLanes(larger(larger(ab, cd), larger(ef, gh)));
  // Below 1e-30 the reciprocal would overflow: such a group is 0.
  const factor = f32x4.splat(largest > <f32>1e-30 ? <f32>127.0 / largest : 0);
  const low = i16x8.narrow_i32x4_s(rounded(a, factor), rounded(b, factor));
  const low2 = i16x8.narrow_i32x4_s(rounded(c, factor), rounded(d, factor));
  const high = i16x8.narrow_i32x4_s(rounded(e, factor), rounded(f, factor));
  const high2 = i16x8.narrow_i32x4_s(rounded(g, factor), rounded(h, factor));
  const p = i8x16.narrow_i16x8_s(low, low2), q = i8x16.narrow_i16x8_s(high, high2);
  v128.store32_lane(at, p, 0, 0);
  v128.store32_lane(at, p, 1, 16);
  v128.store32_lane(at, p, 2, 32);
  v128.store32_lane(at, p, 3, 48);
  v128.store32_lane(at, q, 0, 64);
  v128.store32_lane(at, q, 1, 80);
  v128.store32_lane(at, q, 2, 96);
  v128.store32_lane(at, q, 3, 112);
  const pairs = i16x8.add(i16x8.add(low, low2), i16x8.add(high, high2));
  const sums = i32x4.dot_i16x8_s(pairs, i16x8.splat(1));
  const sum = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2)
    + i32x4.extract_lane(sums, 3);
  store<f32>(at, largest > <f32>1e-30 ? largest / <f32>127.0 : 0, 128);
  store<f32>(at, <f32>sum, 144);
}

// @ts-ignore: decorator
@inline
function tokenPlace(job: usize, token: u32): usize {
  const numGroups = load<u32>(job, quantizeRows_width) >>> 5;
  return <usize>load<u32>(job, quantizeRows_out) + (token >>> 2) * numGroups * bytesPerTokenPackGroup + ((token & 3) << 2);
}

// @ts-ignore: decorator
@inline
function tokenRow(job: usize, token: u32): usize {
  return <usize>load<u32>(job, quantizeRows_input) + token * <usize>load<u32>(job, quantizeRows_inputStride);
}

export function quantizeRows(job: usize): void {
  const width = load<u32>(job, quantizeRows_width);
  for (let token = load<u32>(job, job_start), end = load<u32>(job, job_end); token < end; token++) {
    let at = tokenPlace(job, token);
    for (let x = tokenRow(job, token), last = x + (width << 2); x < last; x += 128) {
      storeGroup(at, v128.load(x), v128.load(x, 16), v128.load(x, 32), v128.load(x, 48), v128.load(x, 64),
        v128.load(x, 80), v128.load(x, 96), v128.load(x, 112));
      at += bytesPerTokenPackGroup;
    }
  }
}

// @ts-ignore: decorator
@inline
function normed(x: usize, w: usize, factor: v128): v128 {
  return f32x4.mul(f32x4.mul(v128.load(x), factor), v128.load(w));
}

export function normQuantize(job: usize): void {
  const width = load<u32>(job, quantizeRows_width), eps = load<f32>(job, normQuantize_eps);
  for (let token = load<u32>(job, job_start), end = load<u32>(job, job_end); token < end; token++) {
    let at = tokenPlace(job, token), w = <usize>load<u32>(job, normQuantize_weight);
    let x = tokenRow(job, token);
    const last = x + (width << 2), factor = f32x4.splat(inverseRms(x, width, eps));
    for (; x < last; x += 128) {
      storeGroup(at, normed(x, w, factor), normed(x + 16, w + 16, factor), normed(x + 32, w + 32, factor),
        normed(x + 48, w + 48, factor), normed(x + 64, w + 64, factor), normed(x + 80, w + 80, factor),
        normed(x + 96, w + 96, factor), normed(x + 112, w + 112, factor));
      w += 128;
      at += bytesPerTokenPackGroup;
    }
  }
}

// @ts-ignore: decorator
@inline
function silued(x: usize, up: usize): v128 {
  return f32x4.mul(silu4(v128.load(x)), v128.load(up));
}

// @ts-ignore: decorator
@inline
function gelued(x: usize, up: usize): v128 {
  return f32x4.mul(geluTanh4(v128.load(x)), v128.load(up));
}

function siluGroup(at: usize, x: usize, u: usize): void {
  storeGroup(at, silued(x, u), silued(x + 16, u + 16), silued(x + 32, u + 32), silued(x + 48, u + 48),
    silued(x + 64, u + 64), silued(x + 80, u + 80), silued(x + 96, u + 96), silued(x + 112, u + 112));
}

function geluGroup(at: usize, x: usize, u: usize): void {
  storeGroup(at, gelued(x, u), gelued(x + 16, u + 16), gelued(x + 32, u + 32), gelued(x + 48, u + 48),
    gelued(x + 64, u + 64), gelued(x + 80, u + 80), gelued(x + 96, u + 96), gelued(x + 112, u + 112));
}

export function gluQuantize(job: usize): void {
  const rowBytes = load<u32>(job, quantizeRows_width) << 2, gelu = load<i32>(job, gluQuantize_activation) == 1;
  for (let token = load<u32>(job, job_start), end = load<u32>(job, job_end); token < end; token++) {
    let at = tokenPlace(job, token);
    for (let x = tokenRow(job, token), last = x + rowBytes; x < last; x += 128) {
      if (gelu) geluGroup(at, x, x + rowBytes);
      else siluGroup(at, x, x + rowBytes);
      at += bytesPerTokenPackGroup;
    }
  }
}
