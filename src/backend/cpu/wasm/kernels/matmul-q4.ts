// q4 weights × int8 activations, 8 rows × 4 or 1 tokens at a time.
//
//   weights  32 bytes of an octet's group          activations  32 bytes of a quad's group
//   ├ row 0: k0 k1 k2 k3 (low nibbles; high: k4 … k7)   ├ token 0: k0 k1 k2 k3 | token 1: … | token 2 | token 3
//   ├ row 1 …                                          └ token 0: k4 k5 k6 k7 | …
//   └ row 7
//
// One token's 4 bytes are repeated over a vector and multiplied with 4 rows' 4 bytes; pairs are added in 16 bits
// (relaxed_dot), and a group's 8 such vectors too: |Σ| ≤ 8 · 2 · 15 · 127 = 30,480 < 32,767, so the sum is exact.
//
// Bound: instructions. Per 32 bytes of weights and 4 tokens (256 products) 16 dots, 16 sums, 8 repeats and 10 for the
// nibbles; for one token, beyond the caches, the memory: 160 bytes for 256 products.
import { foldEnd, foldScales, halfBits, nibbles, ones16 } from "./constants";
import {
  job_end, job_start, matmulQ4_input, matmulQ4_numCols, matmulQ4_numTokens, matmulQ4_out, matmulQ4_outStride,
  matmulQ4_weights,
} from "./job-fields";
import { finish, octetsPerPanel } from "./matmul-common";

const bytesPerGroup: u32 = 160;
const bytesPerQuadGroup: u32 = 160;

// @ts-ignore: decorator
@inline
function dot(sum: v128, x: v128, w: v128): v128 {
  return i16x8.add(sum, i16x8.relaxed_dot_i8x16_i7x16_s(x, w));
}

/** Four f16 times 2^-112. */
// @ts-ignore: decorator
@inline
function scales4(at: usize, keep: v128): v128 {
  return v128.and(i32x4.shl(v128.load16x4_s(at), 13), keep);
}

/** acc + scale·Σ + min·(xs·sum): the same two roundings however many tokens are at hand. */
// @ts-ignore: decorator
@inline
function addGroup(acc: v128, sum: v128, scale: v128, min: v128, xs: v128, xsum: v128, ones: v128): v128 {
  const whole = f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(sum, ones));
  return f32x4.relaxed_madd(min, xsum, f32x4.relaxed_madd(f32x4.mul(scale, xs), whole, acc));
}

function tile4(job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize, stride: usize): void {
  const mask = nibbles, ones = ones16, keep = halfBits, fold = foldScales, zero = i32x4.splat(0);
  let f0 = zero, f1 = zero, f2 = zero, f3 = zero, g0 = zero, g1 = zero, g2 = zero, g3 = zero;
  for (let w = weights, end = weights + numGroups * bytesPerGroup; w < end; w += bytesPerGroup) {
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero, t0 = zero, t1 = zero, t2 = zero, t3 = zero;
    // Kept a loop: unrolled, V8 moves all loads to the front and spills them.
    for (let j: usize = 0; j < 128; j += 32) {
      const a = v128.load(w + j, 32), b = v128.load(w + j, 48);
      const xl = v128.load(x + j), xh = v128.load(x + j, 16);
      let p = v128.and(a, mask), q = v128.and(b, mask);
      let c = v128.shuffle<i32>(xl, xl, 0, 0, 0, 0);
      s0 = dot(s0, c, p); t0 = dot(t0, c, q);
      c = v128.shuffle<i32>(xl, xl, 1, 1, 1, 1);
      s1 = dot(s1, c, p); t1 = dot(t1, c, q);
      c = v128.shuffle<i32>(xl, xl, 2, 2, 2, 2);
      s2 = dot(s2, c, p); t2 = dot(t2, c, q);
      c = v128.shuffle<i32>(xl, xl, 3, 3, 3, 3);
      s3 = dot(s3, c, p); t3 = dot(t3, c, q);
      p = v128.and(i16x8.shr_u(a, 4), mask); q = v128.and(i16x8.shr_u(b, 4), mask);
      c = v128.shuffle<i32>(xh, xh, 0, 0, 0, 0);
      s0 = dot(s0, c, p); t0 = dot(t0, c, q);
      c = v128.shuffle<i32>(xh, xh, 1, 1, 1, 1);
      s1 = dot(s1, c, p); t1 = dot(t1, c, q);
      c = v128.shuffle<i32>(xh, xh, 2, 2, 2, 2);
      s2 = dot(s2, c, p); t2 = dot(t2, c, q);
      c = v128.shuffle<i32>(xh, xh, 3, 3, 3, 3);
      s3 = dot(s3, c, p); t3 = dot(t3, c, q);
    }
    const xs = f32x4.mul(v128.load(x, 128), fold), xb = f32x4.mul(xs, v128.load(x, 144));
    const a = scales4(w, keep), b = scales4(w + 8, keep), m = scales4(w + 16, keep), n = scales4(w + 24, keep);
    let k = v128.shuffle<i32>(xs, xs, 0, 0, 0, 0), z = v128.shuffle<i32>(xb, xb, 0, 0, 0, 0);
    f0 = addGroup(f0, s0, a, m, k, z, ones); g0 = addGroup(g0, t0, b, n, k, z, ones);
    k = v128.shuffle<i32>(xs, xs, 1, 1, 1, 1); z = v128.shuffle<i32>(xb, xb, 1, 1, 1, 1);
    f1 = addGroup(f1, s1, a, m, k, z, ones); g1 = addGroup(g1, t1, b, n, k, z, ones);
    k = v128.shuffle<i32>(xs, xs, 2, 2, 2, 2); z = v128.shuffle<i32>(xb, xb, 2, 2, 2, 2);
    f2 = addGroup(f2, s2, a, m, k, z, ones); g2 = addGroup(g2, t2, b, n, k, z, ones);
    k = v128.shuffle<i32>(xs, xs, 3, 3, 3, 3); z = v128.shuffle<i32>(xb, xb, 3, 3, 3, 3);
    f3 = addGroup(f3, s3, a, m, k, z, ones); g3 = addGroup(g3, t3, b, n, k, z, ones);
    x += bytesPerQuadGroup;
  }
  finish(job, out, row, f32x4.mul(f0, foldEnd), f32x4.mul(g0, foldEnd));
  finish(job, out + stride, row, f32x4.mul(f1, foldEnd), f32x4.mul(g1, foldEnd));
  finish(job, out + 2 * stride, row, f32x4.mul(f2, foldEnd), f32x4.mul(g2, foldEnd));
  finish(job, out + 3 * stride, row, f32x4.mul(f3, foldEnd), f32x4.mul(g3, foldEnd));
}

/** `x` points at the token's own bytes in its quad: quad + 4 · (token mod 4). */
function tile1(job: usize, weights: usize, x: usize, numGroups: u32, row: u32, out: usize): void {
  const mask = nibbles, ones = ones16, keep = halfBits, fold = foldScales, zero = i32x4.splat(0);
  let f = zero, g = zero;
  for (let w = weights, end = weights + numGroups * bytesPerGroup; w < end; w += bytesPerGroup) {
    let s = zero, t = zero, s1 = zero, t1 = zero;
    for (let j: usize = 0; j < 128; j += 32) {
      const a = v128.load(w + j, 32), b = v128.load(w + j, 48);
      const low = v128.load32_splat(x + j), high = v128.load32_splat(x + j, 16);
      s = dot(s, low, v128.and(a, mask));
      t = dot(t, low, v128.and(b, mask));
      s1 = dot(s1, high, v128.and(i16x8.shr_u(a, 4), mask));
      t1 = dot(t1, high, v128.and(i16x8.shr_u(b, 4), mask));
    }
    const k = f32x4.mul(v128.load32_splat(x, 128), fold), z = f32x4.mul(k, v128.load32_splat(x, 144));
    f = addGroup(f, i16x8.add(s, s1), scales4(w, keep), scales4(w + 16, keep), k, z, ones);
    g = addGroup(g, i16x8.add(t, t1), scales4(w + 8, keep), scales4(w + 24, keep), k, z, ones);
    x += bytesPerQuadGroup;
  }
  finish(job, out, row, f32x4.mul(f, foldEnd), f32x4.mul(g, foldEnd));
}

/** Split by octets. A panel of octets stays in the first-level cache while all tokens pass by. */
export function matmulQ4(job: usize): void {
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
    for (let token: u32 = 0; token < numTokens; token += 4) {
      const x = input + (token >>> 2) * quadBytes, tokenOut = out + token * stride;
      for (let octet = first; octet < last; octet++) {
        const w = weights + octet * octetBytes, row = octet << 3, at = tokenOut + (row << 2);
        if (token + 4 <= numTokens) tile4(job, w, x, numGroups, row, at, stride);
        else for (let t: u32 = 0; token + t < numTokens; t++) tile1(job, w, x + (t << 2), numGroups, row, at + t * stride);
      }
    }
  }
}
