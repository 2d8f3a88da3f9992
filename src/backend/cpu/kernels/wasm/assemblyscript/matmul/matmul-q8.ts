// q8 weights × int8 activations, 8 rows × 2 or 1 tokens at a time.
//
//   weights  32 bytes: row 0: k0 k1 k2 k3 | row 1: … | … | row 7        activations as for q4
//
// The product of two signed bytes does not fit where relaxed_dot adds pairs, so both are widened to 16 bits as they
// are loaded and i32x4.dot_i16x8 adds pairs in 32 bits, exactly:
//   [row 0: k0+k1, k2+k3 | row 1: k0+k1, k2+k3] per vector of two rows, and one addition of neighbours per group.
//
// A product of one token reads two places of its share in parallel (`streams`), as in matmul-q4.ts; there are too few registers
// for four.
//
// Limit: instructions. 32 bytes of weights and 2 tokens (64 products) take 8 vector products, 8 sums (none for the first products
// of a group), 4 loads and 4 instructions for activations. With one token and weights outside the caches: memory, 272 bytes for
// 256 products.
import { foldEnd, foldScales, halfBits } from "../numbers/constants";
import {
  job_end, job_start, matmulQ4_input, matmulQ4_numCols, matmulQ4_numTokens, matmulQ4_out, matmulQ4_outStride,
  matmulQ4_weights,
} from "../job-fields";
import { finish, rowPacksPerPanel } from "./matmul-common";

const bytesPerGroup: u32 = 272;
const bytesPerTokenPackGroup: u32 = 160;

// @ts-ignore: decorator
@inline
function product(x: v128, w: v128): v128 {
  return i32x4.dot_i16x8_s(x, w);
}

// @ts-ignore: decorator
@inline
function addProduct(sum: v128, x: v128, w: v128): v128 {
  return i32x4.add(sum, product(x, w));
}

/** [a0+a1, a2+a3, b0+b1, b2+b3] as floats, times scale·xs, added to acc. */
// @ts-ignore: decorator
@inline
function addGroup(acc: v128, a: v128, b: v128, scale: v128, xs: v128): v128 {
  const even = v128.shuffle<i32>(a, b, 0, 2, 4, 6), odd = v128.shuffle<i32>(a, b, 1, 3, 5, 7);
  return f32x4.relaxed_madd(f32x4.mul(scale, xs), f32x4.convert_i32x4_s(i32x4.add(even, odd)), acc);
}

// @ts-ignore: decorator
@inline
function scales4(at: usize, keep: v128): v128 {
  return v128.and(i32x4.shl(v128.load16x4_s(at), 13), keep);
}

/**
 * 8 rows × n tokens, n = 1 or 2; `x` points to the first token's bytes in its token pack. Every call has a literal n, so that code
 * for more tokens is removed. Token i has the integer sums ai (rows 0 and 1) … di (rows 6 and 7); fi and gi add up groups.
 */
// @ts-ignore: decorator
@inline
function tile(n: u32, job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize, stride: usize): void {
  const keep = halfBits, fold = foldScales, zero = i32x4.splat(0);
  let f0 = zero, f1 = zero, g0 = zero, g1 = zero;
  for (let w = weights, end = weights + numGroups * bytesPerGroup; w < end; w += bytesPerGroup) {
    let a1 = zero, b1 = zero, c1 = zero, d1 = zero;
    let x0 = i16x8.extend_low_i8x16_s(v128.load32_splat(x)), x1 = zero;
    if (n > 1) x1 = i16x8.extend_low_i8x16_s(v128.load32_splat(x, 4));
    let v = v128.load8x8_s(w, 16), a0 = product(x0, v);
    if (n > 1) a1 = product(x1, v);
    v = v128.load8x8_s(w, 24);
    let b0 = product(x0, v);
    if (n > 1) b1 = product(x1, v);
    v = v128.load8x8_s(w, 32);
    let c0 = product(x0, v);
    if (n > 1) c1 = product(x1, v);
    v = v128.load8x8_s(w, 40);
    let d0 = product(x0, v);
    if (n > 1) d1 = product(x1, v);
    for (let at = w, xa = x, last = w + 224; at < last; ) {
      at += 32; xa += 16;
      x0 = i16x8.extend_low_i8x16_s(v128.load32_splat(xa));
      if (n > 1) x1 = i16x8.extend_low_i8x16_s(v128.load32_splat(xa, 4));
      v = v128.load8x8_s(at, 16); a0 = addProduct(a0, x0, v);
      if (n > 1) a1 = addProduct(a1, x1, v);
      v = v128.load8x8_s(at, 24); b0 = addProduct(b0, x0, v);
      if (n > 1) b1 = addProduct(b1, x1, v);
      v = v128.load8x8_s(at, 32); c0 = addProduct(c0, x0, v);
      if (n > 1) c1 = addProduct(c1, x1, v);
      v = v128.load8x8_s(at, 40); d0 = addProduct(d0, x0, v);
      if (n > 1) d1 = addProduct(d1, x1, v);
    }
    const low = scales4(w, keep), high = scales4(w + 8, keep);
    let k = f32x4.mul(v128.load32_splat(x, 128), fold);
    f0 = addGroup(f0, a0, b0, low, k); g0 = addGroup(g0, c0, d0, high, k);
    if (n > 1) k = f32x4.mul(v128.load32_splat(x, 132), fold);
    if (n > 1) { f1 = addGroup(f1, a1, b1, low, k); g1 = addGroup(g1, c1, d1, high, k); }
    x += bytesPerTokenPackGroup;
  }
  finish(job, out, row, f32x4.mul(f0, foldEnd), f32x4.mul(g0, foldEnd));
  if (n > 1) finish(job, out + stride, row, f32x4.mul(f1, foldEnd), f32x4.mul(g1, foldEnd));
}

function tile2(job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize, stride: usize): void {
  tile(2, job, weights, x, numGroups, row, out, stride);
}

function tile1(job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize, stride: usize): void {
  tile(1, job, weights, x, numGroups, row, out, stride);
}

/** addProduct of one token's columns, widened, and two rows. */
// @ts-ignore: decorator
@inline
function addTwo(sum: v128, w: usize, x: v128): v128 {
  return addProduct(sum, x, v128.load8x8_s(w));
}

/** One token × a row pack of each of two streams, which are `stream` row packs apart; `rowPack` is that of stream 0. */
function twoRowPacks(job: usize, weights: usize, x: usize, numGroups: u32, rowPack: u32, stream: u32, out: usize): void {
  const keep = halfBits, fold = foldScales, zero = i32x4.splat(0), streamBytes = stream * numGroups * bytesPerGroup;
  let f0 = zero, f1 = zero, g0 = zero, g1 = zero, w0 = weights + rowPack * numGroups * bytesPerGroup;
  for (const end = w0 + numGroups * bytesPerGroup; w0 < end; w0 += bytesPerGroup) {
    const w1 = w0 + streamBytes;
    let a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
    for (let j: usize = 16, xa = x; j < 272; j += 32, xa += 16) {
      const x0 = i16x8.extend_low_i8x16_s(v128.load32_splat(xa));
      a0 = addTwo(a0, w0 + j, x0); b0 = addTwo(b0, w0 + j + 8, x0);
      c0 = addTwo(c0, w0 + j + 16, x0); d0 = addTwo(d0, w0 + j + 24, x0);
      a1 = addTwo(a1, w1 + j, x0); b1 = addTwo(b1, w1 + j + 8, x0);
      c1 = addTwo(c1, w1 + j + 16, x0); d1 = addTwo(d1, w1 + j + 24, x0);
    }
    const xs = f32x4.mul(v128.load32_splat(x, 128), fold);
    f0 = addGroup(f0, a0, b0, scales4(w0, keep), xs); g0 = addGroup(g0, c0, d0, scales4(w0 + 8, keep), xs);
    f1 = addGroup(f1, a1, b1, scales4(w1, keep), xs); g1 = addGroup(g1, c1, d1, scales4(w1 + 8, keep), xs);
    x += bytesPerTokenPackGroup;
  }
  const end = foldEnd, row = rowPack << 3, otherRow = row + (stream << 3);
  finish(job, out + (row << 2), row, f32x4.mul(f0, end), f32x4.mul(g0, end));
  finish(job, out + (otherRow << 2), otherRow, f32x4.mul(f1, end), f32x4.mul(g1, end));
}

/** One token × the row packs from `first` on, in two streams of equal length. @returns the row pack after them; at most one remains */
function streams(job: usize, weights: usize, x: usize, numGroups: u32, first: u32, end: u32, out: usize): u32 {
  const stream = (end - first) >>> 1;
  for (let rowPack = first; rowPack < first + stream; rowPack++) twoRowPacks(job, weights, x, numGroups, rowPack, stream, out);
  return first + 2 * stream;
}

/** Split by row packs. A panel of row packs stays in the first-level cache while the kernel goes through all tokens. */
export function matmulQ8(job: usize): void {
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
    for (let token: u32 = 0; token < numTokens; token += 2) {
      const x = input + (token >>> 2) * tokenPackBytes + ((token & 3) << 2), tokenOut = out + token * stride;
      for (let rowPack = first; rowPack < last; rowPack++) {
        const w = weights + rowPack * rowPackBytes, row = rowPack << 3, at = tokenOut + (row << 2);
        if (token + 2 <= numTokens) tile2(job, w, x, numGroups, row, at, stride);
        else tile1(job, w, x, numGroups, row, at, stride);
      }
    }
  }
}
