// Kernels that process each number once. Limit: memory traffic, except with exponentials (about 25
// instructions per 4 numbers).
import { geluTanh4, loadPart, silu4, storePart, tanh4 } from "../numbers/exp";
import {
  add_input, add_inputStride, add_out, add_outStride, add_scale, add_width, copy_out, copy_source, gatherRows_input,
  gatherRows_inputStride, gatherRows_out, gatherRows_outStride, gatherRows_rowIds, gatherRows_width, glu_activation,
  glu_input, glu_inputStride, glu_out, glu_outStride, glu_width, job_end, job_start, softcap_at, softcap_cap,
  softcap_stride, softcap_width, zero_at,
} from "../job-fields";

// @ts-ignore: decorator
@inline
function gated(gate: v128, up: v128, gelu: bool): v128 {
  return f32x4.mul(gelu ? geluTanh4(gate) : silu4(gate), up);
}

export function glu(job: usize): void {
  const width = load<u32>(job, glu_width), gelu = load<i32>(job, glu_activation) == 1, rowBytes = <usize>(width << 2);
  for (let t = load<u32>(job, job_start), end = load<u32>(job, job_end); t < end; t++) {
    let x = <usize>load<u32>(job, glu_input) + t * <usize>load<u32>(job, glu_inputStride);
    let out = <usize>load<u32>(job, glu_out) + t * <usize>load<u32>(job, glu_outStride);
    for (const last = x + ((width >>> 2) << 4); x < last; x += 16) {
      v128.store(out, gated(v128.load(x), v128.load(x + rowBytes), gelu));
      out += 16;
    }
    const left = width & 3;
    storePart(out, gated(loadPart(x, left), loadPart(x + rowBytes, left), gelu), left);
  }
}

export function add(job: usize): void {
  const width = load<u32>(job, add_width), scale = f32x4.splat(load<f32>(job, add_scale));
  for (let t = load<u32>(job, job_start), end = load<u32>(job, job_end); t < end; t++) {
    let x = <usize>load<u32>(job, add_input) + t * <usize>load<u32>(job, add_inputStride);
    let out = <usize>load<u32>(job, add_out) + t * <usize>load<u32>(job, add_outStride);
    for (const last = x + ((width >>> 2) << 4); x < last; x += 16) {
      v128.store(out, f32x4.add(v128.load(out), f32x4.mul(scale, v128.load(x))));
      out += 16;
    }
    const left = width & 3;
    storePart(out, f32x4.add(loadPart(out, left), f32x4.mul(scale, loadPart(x, left))), left);
  }
}

export function gatherRows(job: usize): void {
  const rowBytes = <usize>(load<u32>(job, gatherRows_width) << 2), rowIds = <usize>load<u32>(job, gatherRows_rowIds);
  const input = <usize>load<u32>(job, gatherRows_input), stride = <usize>load<u32>(job, gatherRows_inputStride);
  const out = <usize>load<u32>(job, gatherRows_out), outStride = <usize>load<u32>(job, gatherRows_outStride);
  for (let o = load<u32>(job, job_start), end = load<u32>(job, job_end); o < end; o++)
    memory.copy(out + o * outStride, input + <usize>load<u32>(rowIds + (o << 2)) * stride, rowBytes);
}

export function softcap(job: usize): void {
  const width = load<u32>(job, softcap_width), stride = <usize>load<u32>(job, softcap_stride);
  const cap = f32x4.splat(load<f32>(job, softcap_cap)), inverse = f32x4.div(f32x4.splat(1), cap);
  for (let t = load<u32>(job, job_start), end = load<u32>(job, job_end); t < end; t++) {
    let x = <usize>load<u32>(job, softcap_at) + t * stride;
    for (const last = x + ((width >>> 2) << 4); x < last; x += 16)
      v128.store(x, f32x4.mul(cap, tanh4(f32x4.mul(v128.load(x), inverse))));
    storePart(x, f32x4.mul(cap, tanh4(f32x4.mul(loadPart(x, width & 3), inverse))), width & 3);
  }
}

export function zero(job: usize): void {
  const start = <usize>load<u32>(job, job_start), end = <usize>load<u32>(job, job_end);
  memory.fill(<usize>load<u32>(job, zero_at) + start, 0, end - start);
}

export function copy(job: usize): void {
  const start = <usize>load<u32>(job, job_start), end = <usize>load<u32>(job, job_end);
  memory.copy(<usize>load<u32>(job, copy_out) + start, <usize>load<u32>(job, copy_source) + start, end - start);
}
