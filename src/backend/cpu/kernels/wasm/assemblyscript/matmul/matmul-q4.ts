// q4 weights × int8 activations, 8 rows × 4 tokens at a time, or the remaining tokens of a token pack.
//
//   weights  32 bytes of a row pack's group          activations  32 bytes of a token pack's group
//   ├ row 0: k0 k1 k2 k3 (low nibbles; high: k4 … k7)   ├ token 0: k0 k1 k2 k3 | token 1: … | token 2 | token 3
//   ├ row 1 …                                          └ token 0: k4 k5 k6 k7 | …
//   └ row 7
//
// The 4 bytes of a token are repeated over a vector and multiplied with 4 bytes of 4 rows; pairs are added in 16 bits, and so are
// the 8 such vectors of a group: |Σ| ≤ 8 · 2 · 15 · 127 = 30,480 < 32,767, so the sum is exact.
//
// A product of one token reads four places of its share in parallel (`streams`): the bandwidth depends on the number of streams
// that the processor prefetches.
//
// Limit: instructions. A group of 32 columns and 4 tokens (1024 products) takes 64 vector products, 56 sums (none for the first
// products of a group), 24 instructions to separate nibbles, 62 for scales and floats, and 32 repeats, which are loads. With one
// token and weights outside the caches: memory, 160 bytes for 256 products.
import { foldEnd, foldScales, halfBits, nibbles, ones16 } from "../numbers/constants";
import {
  job_end, job_start, matmulQ4_input, matmulQ4_numCols, matmulQ4_numTokens, matmulQ4_out, matmulQ4_outStride,
  matmulQ4_weights,
} from "../job-fields";
import { finish, rowPacksPerPanel } from "./matmul-common";

const bytesPerGroup: u32 = 160;
const bytesPerTokenPackGroup: u32 = 160;

// @ts-ignore: decorator
@inline
function product(x: v128, w: v128): v128 {
  return i16x8.relaxed_dot_i8x16_i7x16_s(x, w);
}

/** Four rows' eight columns: x times the low nibbles, y times the high ones. */
// @ts-ignore: decorator
@inline
function dots(x: v128, low: v128, y: v128, high: v128): v128 {
  return i16x8.add(product(x, low), product(y, high));
}

// @ts-ignore: decorator
@inline
function addDots(sum: v128, x: v128, low: v128, y: v128, high: v128): v128 {
  return i16x8.add(i16x8.add(sum, product(x, low)), product(y, high));
}

// @ts-ignore: decorator
@inline
function highNibbles(w: v128, mask: v128): v128 {
  return v128.and(i16x8.shr_u(w, 4), mask);
}

/** Four f16 times 2^-112. */
// @ts-ignore: decorator
@inline
function scales4(at: usize, keep: v128): v128 {
  return v128.and(i32x4.shl(v128.load16x4_s(at), 13), keep);
}

/** acc + scale·Σ + min·(xs·sum): the same two roundings for any number of tokens. */
// @ts-ignore: decorator
@inline
function addGroup(acc: v128, sum: v128, scale: v128, min: v128, xs: v128, xsum: v128, ones: v128): v128 {
  const whole = f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(sum, ones));
  return f32x4.relaxed_madd(min, xsum, f32x4.relaxed_madd(f32x4.mul(scale, xs), whole, acc));
}

/**
 * 8 rows × n tokens; `x` points to the first token's bytes in its token pack. Every call has a literal n, so that code for more
 * tokens is removed. Token i has the integer sums si (rows 0 … 3) and ti (rows 4 … 7), and fi and gi for its sums of groups.
 */
// @ts-ignore: decorator
@inline
function tile(n: u32, job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize, stride: usize): void {
  const mask = nibbles, ones = ones16, keep = halfBits, fold = foldScales, zero = i32x4.splat(0);
  let f0 = zero, f1 = zero, f2 = zero, f3 = zero, g0 = zero, g1 = zero, g2 = zero, g3 = zero;
  for (let w = weights, end = weights + numGroups * bytesPerGroup; w < end; w += bytesPerGroup) {
    let s1 = zero, t1 = zero, s2 = zero, t2 = zero, s3 = zero, t3 = zero;
    let a = v128.load(w, 32), b = v128.load(w, 48), c = v128.load32_splat(x), d = v128.load32_splat(x, 16);
    let p = v128.and(a, mask), q = v128.and(b, mask), u = highNibbles(a, mask), v = highNibbles(b, mask);
    let s0 = dots(c, p, d, u), t0 = dots(c, q, d, v);
    if (n > 1) { c = v128.load32_splat(x, 4); d = v128.load32_splat(x, 20); }
    if (n > 1) { s1 = dots(c, p, d, u); t1 = dots(c, q, d, v); }
    if (n > 2) { c = v128.load32_splat(x, 8); d = v128.load32_splat(x, 24); }
    if (n > 2) { s2 = dots(c, p, d, u); t2 = dots(c, q, d, v); }
    if (n > 3) { c = v128.load32_splat(x, 12); d = v128.load32_splat(x, 28); }
    if (n > 3) { s3 = dots(c, p, d, u); t3 = dots(c, q, d, v); }
    // V8 unrolls these three iterations in order. If they were unrolled here, asc's optimizer would reorder them: one sum after the
    // other through the whole group, with all weights and activations spilled to memory.
    for (let j: usize = 32; j < 128; j += 32) {
      const k = w + j, y = x + j;
      a = v128.load(k, 32); b = v128.load(k, 48); c = v128.load32_splat(y); d = v128.load32_splat(y, 16);
      p = v128.and(a, mask); q = v128.and(b, mask); u = highNibbles(a, mask); v = highNibbles(b, mask);
      s0 = addDots(s0, c, p, d, u); t0 = addDots(t0, c, q, d, v);
      if (n > 1) { c = v128.load32_splat(y, 4); d = v128.load32_splat(y, 20); }
      if (n > 1) { s1 = addDots(s1, c, p, d, u); t1 = addDots(t1, c, q, d, v); }
      if (n > 2) { c = v128.load32_splat(y, 8); d = v128.load32_splat(y, 24); }
      if (n > 2) { s2 = addDots(s2, c, p, d, u); t2 = addDots(t2, c, q, d, v); }
      if (n > 3) { c = v128.load32_splat(y, 12); d = v128.load32_splat(y, 28); }
      if (n > 3) { s3 = addDots(s3, c, p, d, u); t3 = addDots(t3, c, q, d, v); }
    }
    const xs = f32x4.mul(v128.load(x, 128), fold), xb = f32x4.mul(xs, v128.load(x, 144));
    a = scales4(w, keep); b = scales4(w + 8, keep); p = scales4(w + 16, keep); q = scales4(w + 24, keep);
    c = v128.shuffle<i32>(xs, xs, 0, 0, 0, 0); d = v128.shuffle<i32>(xb, xb, 0, 0, 0, 0);
    f0 = addGroup(f0, s0, a, p, c, d, ones); g0 = addGroup(g0, t0, b, q, c, d, ones);
    c = v128.shuffle<i32>(xs, xs, 1, 1, 1, 1); d = v128.shuffle<i32>(xb, xb, 1, 1, 1, 1);
    if (n > 1) { f1 = addGroup(f1, s1, a, p, c, d, ones); g1 = addGroup(g1, t1, b, q, c, d, ones); }
    c = v128.shuffle<i32>(xs, xs, 2, 2, 2, 2); d = v128.shuffle<i32>(xb, xb, 2, 2, 2, 2);
    if (n > 2) { f2 = addGroup(f2, s2, a, p, c, d, ones); g2 = addGroup(g2, t2, b, q, c, d, ones); }
    c = v128.shuffle<i32>(xs, xs, 3, 3, 3, 3); d = v128.shuffle<i32>(xb, xb, 3, 3, 3, 3);
    if (n > 3) { f3 = addGroup(f3, s3, a, p, c, d, ones); g3 = addGroup(g3, t3, b, q, c, d, ones); }
    x += bytesPerTokenPackGroup;
  }
  finish(job, out, row, f32x4.mul(f0, foldEnd), f32x4.mul(g0, foldEnd));
  if (n > 1) finish(job, out + stride, row, f32x4.mul(f1, foldEnd), f32x4.mul(g1, foldEnd));
  if (n > 2) finish(job, out + 2 * stride, row, f32x4.mul(f2, foldEnd), f32x4.mul(g2, foldEnd));
  if (n > 3) finish(job, out + 3 * stride, row, f32x4.mul(f3, foldEnd), f32x4.mul(g3, foldEnd));
}

function tile4(job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize, stride: usize): void {
  tile(4, job, weights, x, numGroups, row, out, stride);
}

function tile3(job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize, stride: usize): void {
  tile(3, job, weights, x, numGroups, row, out, stride);
}

function tile2(job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize, stride: usize): void {
  tile(2, job, weights, x, numGroups, row, out, stride);
}

function tile1(job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize, stride: usize): void {
  tile(1, job, weights, x, numGroups, row, out, stride);
}

/** addDots of one token and four rows, whose two times four columns are at `w`. */
// @ts-ignore: decorator
@inline
function addFour(sum: v128, w: usize, low: v128, high: v128, mask: v128): v128 {
  const nibbles = v128.load(w);
  return addDots(sum, low, v128.and(nibbles, mask), high, highNibbles(nibbles, mask));
}

/** addGroup for one token, whose scale and sum are in every lane; `w` points to four scales, and four minima are 16 bytes after them. */
// @ts-ignore: decorator
@inline
function addScaled(acc: v128, sum: v128, w: usize, xs: v128, xsum: v128): v128 {
  return addGroup(acc, sum, scales4(w, halfBits), scales4(w + 16, halfBits), xs, xsum, ones16);
}

/** One token × a row pack of each of four streams, which are `stream` row packs apart; `rowPack` is that of stream 0. */
function fourRowPacks(job: usize, weights: usize, x: usize, numGroups: u32, rowPack: u32, stream: u32, out: usize): void {
  const mask = nibbles, fold = foldScales, zero = i32x4.splat(0), streamBytes = stream * numGroups * bytesPerGroup;
  let f0 = zero, f1 = zero, f2 = zero, f3 = zero, g0 = zero, g1 = zero, g2 = zero, g3 = zero;
  let w0 = weights + rowPack * numGroups * bytesPerGroup;
  for (const end = w0 + numGroups * bytesPerGroup; w0 < end; w0 += bytesPerGroup) {
    const w1 = w0 + streamBytes, w2 = w1 + streamBytes, w3 = w2 + streamBytes;
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero, t0 = zero, t1 = zero, t2 = zero, t3 = zero;
    for (let j: usize = 0; j < 128; j += 32) {
      const low = v128.load32_splat(x + j), high = v128.load32_splat(x + j, 16);
      s0 = addFour(s0, w0 + j + 32, low, high, mask); t0 = addFour(t0, w0 + j + 48, low, high, mask);
      s1 = addFour(s1, w1 + j + 32, low, high, mask); t1 = addFour(t1, w1 + j + 48, low, high, mask);
      s2 = addFour(s2, w2 + j + 32, low, high, mask); t2 = addFour(t2, w2 + j + 48, low, high, mask);
      s3 = addFour(s3, w3 + j + 32, low, high, mask); t3 = addFour(t3, w3 + j + 48, low, high, mask);
    }
    const xs = f32x4.mul(v128.load32_splat(x, 128), fold), xsum = f32x4.mul(xs, v128.load32_splat(x, 144));
    f0 = addScaled(f0, s0, w0, xs, xsum); g0 = addScaled(g0, t0, w0 + 8, xs, xsum);
    f1 = addScaled(f1, s1, w1, xs, xsum); g1 = addScaled(g1, t1, w1 + 8, xs, xsum);
    f2 = addScaled(f2, s2, w2, xs, xsum); g2 = addScaled(g2, t2, w2 + 8, xs, xsum);
    f3 = addScaled(f3, s3, w3, xs, xsum); g3 = addScaled(g3, t3, w3 + 8, xs, xsum);
    x += bytesPerTokenPackGroup;
  }
  const end = foldEnd, row = rowPack << 3, streamRows = stream << 3;
  finish(job, out + (row << 2), row, f32x4.mul(f0, end), f32x4.mul(g0, end));
  finish(job, out + ((row + streamRows) << 2), row + streamRows, f32x4.mul(f1, end), f32x4.mul(g1, end));
  finish(job, out + ((row + 2 * streamRows) << 2), row + 2 * streamRows, f32x4.mul(f2, end), f32x4.mul(g2, end));
  finish(job, out + ((row + 3 * streamRows) << 2), row + 3 * streamRows, f32x4.mul(f3, end), f32x4.mul(g3, end));
}

/** One token × the row packs from `first` on, in four streams of equal length. @returns the row pack after them; fewer than four remain */
function streams(job: usize, weights: usize, x: usize, numGroups: u32, first: u32, end: u32, out: usize): u32 {
  const stream = (end - first) >>> 2;
  for (let rowPack = first; rowPack < first + stream; rowPack++) fourRowPacks(job, weights, x, numGroups, rowPack, stream, out);
  return first + 4 * stream;
}

/** Split by row packs. A panel of row packs stays in the first-level cache while the kernel goes through all tokens. */
export function matmulQ4(job: usize): void {
  const numGroups = load<u32>(job, matmulQ4_numCols) >>> 5;
  const numTokens = load<u32>(job, matmulQ4_numTokens);
  const input = <usize>load<u32>(job, matmulQ4_input);
  const weights = <usize>load<u32>(job, matmulQ4_weights);
  const out = <usize>load<u32>(job, matmulQ4_out);
  const stride = <usize>load<u32>(job, matmulQ4_outStride);
  const rowPackBytes = numGroups * bytesPerGroup, tokenPackBytes = numGroups * bytesPerTokenPackGroup;
  const end = load<u32>(job, job_end), panel = rowPacksPerPanel(rowPackBytes);
  let first = load<u32>(job, job_start);
  if (numTokens == 1) first = streams(job, weights, input, numGroups, first, end, out);
  for (; first < end; first += panel) {
    const last = min(end, first + panel);
    for (let token: u32 = 0; token < numTokens; token += 4) {
      const x = input + (token >>> 2) * tokenPackBytes, tokenOut = out + token * stride, left = numTokens - token;
      for (let rowPack = first; rowPack < last; rowPack++) {
        const w = weights + rowPack * rowPackBytes, row = rowPack << 3, at = tokenOut + (row << 2);
        if (left > 3) tile4(job, w, x, numGroups, row, at, stride);
        else if (left == 3) tile3(job, w, x, numGroups, row, at, stride);
        else if (left == 2) tile2(job, w, x, numGroups, row, at, stride);
        else tile1(job, w, x, numGroups, row, at, stride);
      }
    }
  }
}
