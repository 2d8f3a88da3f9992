// f32, f16 and bf16 weights × f32 activations, 8 rows × 4 or 1 tokens at a time.
//
//   weights  column k: row 0 … row 7 next to each other; one token's x[k] is repeated over a vector
//
// Every output is one chain of fused multiply-adds over k = 0, 1, 2 …, for any number of tokens.
// Limit: for 4 tokens, instructions (8 multiply-adds, 4 repeats and the conversion of 8 weights per column); for one,
// the latency of the chain (two vectors per 4 cycles) or memory.
import { bfloats4, halves4 } from "../numbers/half";
import {
  job_end, job_start, matmulQ4_input, matmulQ4_inputStride, matmulQ4_numCols, matmulQ4_numTokens, matmulQ4_out,
  matmulQ4_outStride, matmulQ4_weights,
} from "../job-fields";
import { finish, rowPacksPerPanel } from "./matmul-common";

/** Reads four weights. The type parameter is u32 for f32, u16 for f16, i16 for bf16. */
// @ts-ignore: decorator
@inline
function weights4<T>(at: usize): v128 {
  if (sizeof<T>() == 4) return v128.load(at);
  return isSigned<T>() ? bfloats4(at) : halves4(at);
}

function tile4<T>(job: usize, w: usize, x: usize, xStride: usize, row: u32, out: usize, stride: usize): void {
  const numCols = load<u32>(job, matmulQ4_numCols);
  const zero = f32x4.splat(0);
  let f0 = zero, f1 = zero, f2 = zero, f3 = zero, g0 = zero, g1 = zero, g2 = zero, g3 = zero;
  let x1 = x + xStride, x2 = x1 + xStride, x3 = x2 + xStride;
  for (let k: u32 = 0; k < numCols; k++) {
    const a = weights4<T>(w), b = weights4<T>(w + 4 * sizeof<T>());
    let c = v128.load32_splat(x);
    f0 = f32x4.relaxed_madd(a, c, f0); g0 = f32x4.relaxed_madd(b, c, g0);
    c = v128.load32_splat(x1);
    f1 = f32x4.relaxed_madd(a, c, f1); g1 = f32x4.relaxed_madd(b, c, g1);
    c = v128.load32_splat(x2);
    f2 = f32x4.relaxed_madd(a, c, f2); g2 = f32x4.relaxed_madd(b, c, g2);
    c = v128.load32_splat(x3);
    f3 = f32x4.relaxed_madd(a, c, f3); g3 = f32x4.relaxed_madd(b, c, g3);
    w += 8 * sizeof<T>();
    x += 4; x1 += 4; x2 += 4; x3 += 4;
  }
  finish(job, out, row, f0, g0);
  finish(job, out + stride, row, f1, g1);
  finish(job, out + 2 * stride, row, f2, g2);
  finish(job, out + 3 * stride, row, f3, g3);
}

function tile1<T>(job: usize, w: usize, x: usize, row: u32, out: usize): void {
  let f = f32x4.splat(0), g = f;
  for (const end = x + (load<u32>(job, matmulQ4_numCols) << 2); x < end; x += 4) {
    const c = v128.load32_splat(x);
    f = f32x4.relaxed_madd(weights4<T>(w), c, f);
    g = f32x4.relaxed_madd(weights4<T>(w + 4 * sizeof<T>()), c, g);
    w += 8 * sizeof<T>();
  }
  finish(job, out, row, f, g);
}

function matmul<T>(job: usize): void {
  const numTokens = load<u32>(job, matmulQ4_numTokens);
  const input = <usize>load<u32>(job, matmulQ4_input), inputStride = <usize>load<u32>(job, matmulQ4_inputStride);
  const weights = <usize>load<u32>(job, matmulQ4_weights);
  const out = <usize>load<u32>(job, matmulQ4_out), stride = <usize>load<u32>(job, matmulQ4_outStride);
  const rowPackBytes = load<u32>(job, matmulQ4_numCols) * 8 * sizeof<T>();
  const end = load<u32>(job, job_end), panel = rowPacksPerPanel(rowPackBytes);
  for (let first = load<u32>(job, job_start); first < end; first += panel) {
    const last = min(end, first + panel);
    for (let token: u32 = 0; token < numTokens; token += 4) {
      const x = input + token * inputStride, tokenOut = out + token * stride;
      for (let rowPack = first; rowPack < last; rowPack++) {
        const w = weights + rowPack * rowPackBytes, row = rowPack << 3, at = tokenOut + (row << 2);
        if (token + 4 <= numTokens) tile4<T>(job, w, x, inputStride, row, at, stride);
        else for (let t: u32 = 0; token + t < numTokens; t++) tile1<T>(job, w, x + t * inputStride, row, at + t * stride);
      }
    }
  }
}

export function matmulF32(job: usize): void {
  matmul<u32>(job);
}

export function matmulF16(job: usize): void {
  matmul<u16>(job);
}

export function matmulBf16(job: usize): void {
  matmul<i16>(job);
}
