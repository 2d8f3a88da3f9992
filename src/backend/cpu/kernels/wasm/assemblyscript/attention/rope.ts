// Rotary embedding: rotates pairs (x[i], x[i + rotaryDim/2]) by the position's angle.
//
//   table row of a position: cos 0 … cos n−1 | sin 0 … sin n−1     (n = rotaryDim/2)
//
// Limit: memory traffic of the rows; about one instruction per number.
import { loadPart, storePart } from "../numbers/exp";
import {
  job_end, job_start, rope_at, rope_headDim, rope_numHeads, rope_positions, rope_rotaryDim, rope_stride, rope_table,
} from "../job-fields";

// @ts-ignore: decorator
@inline
function turnedFirst(a: v128, b: v128, cos: v128, sin: v128): v128 {
  return f32x4.sub(f32x4.mul(a, cos), f32x4.mul(b, sin));
}

// @ts-ignore: decorator
@inline
function turnedSecond(a: v128, b: v128, cos: v128, sin: v128): v128 {
  return f32x4.add(f32x4.mul(b, cos), f32x4.mul(a, sin));
}

export function turnHead(head: usize, table: usize, numPairs: u32): void {
  const second = <usize>(numPairs << 2);
  let i: u32 = 0, x = head, cs = table;
  for (; i + 4 <= numPairs; i += 4) {
    const a = v128.load(x), b = v128.load(x + second), cos = v128.load(cs), sin = v128.load(cs + second);
    v128.store(x, turnedFirst(a, b, cos, sin));
    v128.store(x + second, turnedSecond(a, b, cos, sin));
    x += 16;
    cs += 16;
  }
  const left = numPairs - i;
  if (left == 0) return;
  const a = loadPart(x, left), b = loadPart(x + second, left);
  const cos = loadPart(cs, left), sin = loadPart(cs + second, left);
  storePart(x, turnedFirst(a, b, cos, sin), left);
  storePart(x + second, turnedSecond(a, b, cos, sin), left);
}

export function rope(job: usize): void {
  const at = <usize>load<u32>(job, rope_at), stride = <usize>load<u32>(job, rope_stride);
  const numHeads = load<u32>(job, rope_numHeads), headBytes = <usize>(load<u32>(job, rope_headDim) << 2);
  const rotaryDim = load<u32>(job, rope_rotaryDim), table = <usize>load<u32>(job, rope_table);
  const positions = <usize>load<u32>(job, rope_positions);
  for (let t = load<u32>(job, job_start), end = load<u32>(job, job_end); t < end; t++) {
    const row = table + <usize>load<u32>(positions + (t << 2)) * (rotaryDim << 2);
    for (let h: u32 = 0; h < numHeads; h++) turnHead(at + t * stride + h * headBytes, row, rotaryDim >>> 1);
  }
}
