// A partial record: the attention of one query vector over some positions.
//
//   ├ m, l (largest score, Σ e^(score − m)), 2 words of padding
//   └ headDim f32: Σ e^(score − m) · value     (rounded up to 4)
import { exp4 } from "../numbers/exp";
import { rotateHead } from "./hadamard";

// @ts-ignore: decorator
@inline
export function recordBytes(headDim: u32): usize {
  return <usize>(16 + (((headDim + 3) & ~3) << 2));
}

export function startRecord(record: usize, largest: f32, sum: f32, headDim: u32): void {
  store<f32>(record, largest);
  store<f32>(record, sum, 4);
  memory.fill(record + 16, 0, recordBytes(headDim) - 16);
}

/** into ← into + from; a record without positions (l = 0) changes nothing. */
export function mergeRecord(into: usize, from: usize, headDim: u32): void {
  if (load<f32>(from, 4) == 0) return;
  if (load<f32>(into, 4) == 0) return memory.copy(into, from, recordBytes(headDim));
  const m = max<f32>(load<f32>(into), load<f32>(from));
  const scales = exp4(f32x4(load<f32>(into) - m, load<f32>(from) - m, 0, 0));
  const a = v128.shuffle<i32>(scales, scales, 0, 0, 0, 0), b = v128.shuffle<i32>(scales, scales, 1, 1, 1, 1);
  store<f32>(into, m);
  const sums = f32x4.add(f32x4.mul(a, v128.load32_splat(into, 4)), f32x4.mul(b, v128.load32_splat(from, 4)));
  store<f32>(into, f32x4.extract_lane(sums, 0), 4);
  for (let i: usize = 16; i < recordBytes(headDim); i += 16)
    v128.store(into + i, f32x4.add(f32x4.mul(a, v128.load(into + i)), f32x4.mul(b, v128.load(from + i))));
}

/** out = acc / l, rotated back if it was computed from rotated values. */
export function storeOutput(out: usize, record: usize, headDim: u32, rotated: bool): void {
  if (rotated) rotateHead(record + 16, headDim);
  const sum = load<f32>(record, 4), factor = <f32>1.0 / sum;
  for (let d: usize = 0; d < <usize>(headDim << 2); d += 4) store<f32>(out + d, load<f32>(record + 16 + d) * factor);
}
