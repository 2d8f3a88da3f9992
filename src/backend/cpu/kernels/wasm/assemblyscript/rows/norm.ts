// Root-mean-square norms: x / sqrt(mean(x²) + eps) · weight.
//
// The sum of squares has a fixed order: four lanes, each over every fourth number, in two vectors; so the result has
// the same bits for every position of the row. Limit: instructions, about one a number, in two passes over the row.
import { loadPart, storePart, sumLanes } from "../numbers/exp";
import {
  headNorm_at, headNorm_eps, headNorm_headDim, headNorm_numHeads, headNorm_stride, headNorm_weight, job_end,
  job_start, rmsNorm_eps, rmsNorm_input, rmsNorm_inputStride, rmsNorm_out, rmsNorm_outStride, rmsNorm_weight,
  rmsNorm_width,
} from "../job-fields";

export function inverseRms(row: usize, width: u32, eps: f32): f32 {
  let a = f32x4.splat(0), b = a;
  let x = row;
  for (const last = row + ((width >>> 3) << 5); x < last; x += 32) {
    const u = v128.load(x), v = v128.load(x, 16);
    a = f32x4.relaxed_madd(u, u, a);
    b = f32x4.relaxed_madd(v, v, b);
  }
  for (let left = width & 7; left > 0; left -= min<u32>(4, left)) {
    const v = left >= 4 ? v128.load(x) : loadPart(x, left);
    a = f32x4.relaxed_madd(v, v, a);
    x += 16;
  }
  return <f32>1.0 / sqrt<f32>(sumLanes(f32x4.add(a, b)) / <f32>width + eps);
}

export function normRow(x: usize, out: usize, width: u32, weight: usize, eps: f32): void {
  const factor = f32x4.splat(inverseRms(x, width, eps));
  let i: u32 = 0;
  for (; i + 4 <= width; i += 4) {
    const at = i << 2;
    v128.store(out + at, f32x4.mul(f32x4.mul(v128.load(x + at), factor), v128.load(weight + at)));
  }
  const at = i << 2;
  const tail = f32x4.mul(f32x4.mul(loadPart(x + at, width - i), factor), loadPart(weight + at, width - i));
  storePart(out + at, tail, width - i);
}

export function rmsNorm(job: usize): void {
  const width = load<u32>(job, rmsNorm_width), eps = load<f32>(job, rmsNorm_eps);
  const input = <usize>load<u32>(job, rmsNorm_input), out = <usize>load<u32>(job, rmsNorm_out);
  const inputStride = <usize>load<u32>(job, rmsNorm_inputStride), outStride = <usize>load<u32>(job, rmsNorm_outStride);
  const weight = <usize>load<u32>(job, rmsNorm_weight);
  for (let t = load<u32>(job, job_start), end = load<u32>(job, job_end); t < end; t++)
    normRow(input + t * inputStride, out + t * outStride, width, weight, eps);
}

export function headNorm(job: usize): void {
  const headDim = load<u32>(job, headNorm_headDim), eps = load<f32>(job, headNorm_eps);
  const numHeads = load<u32>(job, headNorm_numHeads), weight = <usize>load<u32>(job, headNorm_weight);
  const at = <usize>load<u32>(job, headNorm_at), stride = <usize>load<u32>(job, headNorm_stride);
  for (let t = load<u32>(job, job_start), end = load<u32>(job, job_end); t < end; t++) {
    for (let h: u32 = 0; h < numHeads; h++) {
      const head = at + t * stride + ((h * headDim) << 2);
      normRow(head, head, headDim, weight, eps);
    }
  }
}
