// q8 weights × int8 activations, 8 rows × 2 or 1 tokens at a time.
//
//   weights  32 bytes: row 0: k0 k1 k2 k3 | row 1: … | … | row 7        activations as for q4
//
// The product of two signed bytes does not fit where relaxed_dot adds pairs, so both are widened to 16 bits as they
// are loaded and i32x4.dot_i16x8 adds pairs in 32 bits, exactly:
//   [row 0: k0+k1, k2+k3 | row 1: k0+k1, k2+k3] per vector of two rows, and one addition of neighbours per group.
//
// Bound: instructions. Per 32 bytes of weights and 2 tokens (64 products) 8 dots, 8 sums, 4 loads, 3 for activations;
// for one token, beyond the caches, the memory: 272 bytes for 256 products.
import { foldEnd, foldScales, halfBits } from "./constants";
import {
  job_end, job_start, matmulQ4_input, matmulQ4_numCols, matmulQ4_numTokens, matmulQ4_out, matmulQ4_outStride,
  matmulQ4_weights,
} from "./job-fields";
import { finish, octetsPerPanel } from "./matmul-common";

const bytesPerGroup: u32 = 272;
const bytesPerQuadGroup: u32 = 160;

// @ts-ignore: decorator
@inline
function dot(sum: v128, x: v128, w: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(x, w));
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

/** `x` points at the first of two neighbouring tokens' bytes in their quad. */
function tile2(job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize, stride: usize): void {
  const keep = halfBits, fold = foldScales, zero = i32x4.splat(0);
  let f0 = zero, f1 = zero, g0 = zero, g1 = zero;
  for (let w = weights, end = weights + numGroups * bytesPerGroup; w < end; w += bytesPerGroup) {
    let a0 = zero, b0 = zero, c0 = zero, d0 = zero, a1 = zero, b1 = zero, c1 = zero, d1 = zero;
    for (let at = w, xa = x, last = w + 256; at < last; at += 32) {
      const both = v128.load8x8_s(xa);
      const x0 = v128.shuffle<i64>(both, both, 0, 0), x1 = v128.shuffle<i64>(both, both, 1, 1);
      let v = v128.load8x8_s(at, 16);
      a0 = dot(a0, x0, v); a1 = dot(a1, x1, v);
      v = v128.load8x8_s(at, 24);
      b0 = dot(b0, x0, v); b1 = dot(b1, x1, v);
      v = v128.load8x8_s(at, 32);
      c0 = dot(c0, x0, v); c1 = dot(c1, x1, v);
      v = v128.load8x8_s(at, 40);
      d0 = dot(d0, x0, v); d1 = dot(d1, x1, v);
      xa += 16;
    }
    const low = scales4(w, keep), high = scales4(w + 8, keep);
    const k0 = f32x4.mul(v128.load32_splat(x, 128), fold), k1 = f32x4.mul(v128.load32_splat(x, 132), fold);
    f0 = addGroup(f0, a0, b0, low, k0); g0 = addGroup(g0, c0, d0, high, k0);
    f1 = addGroup(f1, a1, b1, low, k1); g1 = addGroup(g1, c1, d1, high, k1);
    x += bytesPerQuadGroup;
  }
  finish(job, out, row, f32x4.mul(f0, foldEnd), f32x4.mul(g0, foldEnd));
  finish(job, out + stride, row, f32x4.mul(f1, foldEnd), f32x4.mul(g1, foldEnd));
}

function tile1(job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize): void {
  const keep = halfBits, fold = foldScales, zero = i32x4.splat(0);
  let f = zero, g = zero;
  for (let w = weights, end = weights + numGroups * bytesPerGroup; w < end; w += bytesPerGroup) {
    let a = zero, b = zero, c = zero, d = zero;
    for (let at = w, xa = x, last = w + 256; at < last; at += 32) {
      const x0 = i16x8.extend_low_i8x16_s(v128.load32_splat(xa));
      a = dot(a, x0, v128.load8x8_s(at, 16));
      b = dot(b, x0, v128.load8x8_s(at, 24));
      c = dot(c, x0, v128.load8x8_s(at, 32));
      d = dot(d, x0, v128.load8x8_s(at, 40));
      xa += 16;
    }
    const k = f32x4.mul(v128.load32_splat(x, 128), fold);
    f = addGroup(f, a, b, scales4(w, keep), k);
    g = addGroup(g, c, d, scales4(w + 8, keep), k);
    x += bytesPerQuadGroup;
  }
  finish(job, out, row, f32x4.mul(f, foldEnd), f32x4.mul(g, foldEnd));
}

/** Split by octets. A panel of octets stays in the first-level cache while all tokens pass by. */
export function matmulQ8(job: usize): void {
  const numGroups = load<u32>(job, matmulQ4_numCols) >>> 5;
  const numTokens = load<u32>(job, matmulQ4_numTokens);
  const input = <usize>load<u32>(job, matmulQ4_input);
  const weights = <usize>load<u32>(job, matmulQ4_weights);
  const out = <usize>load<u32>(job, matmulQ4_out);
  const stride = <usize>load<u32>(job, matmulQ4_outStride);
  const octetBytes = numGroups * bytesPerGroup, quadBytes = numGroups * bytesPerQuadGroup;
  const end = load<u32>(job, job_end), panel = octetsPerPanel(octetBytes);
  for (let first = load<u32>(job, job_start); first < end; first += panel) {
    const last = min(end, first + panel);
    for (let token: u32 = 0; token < numTokens; token += 2) {
      const x = input + (token >>> 2) * quadBytes + ((token & 3) << 2), tokenOut = out + token * stride;
      for (let octet = first; octet < last; octet++) {
        const w = weights + octet * octetBytes, row = octet << 3, at = tokenOut + (row << 2);
        if (token + 2 <= numTokens) tile2(job, w, x, numGroups, row, at, stride);
        else tile1(job, w, x, numGroups, row, at);
      }
    }
  }
}
