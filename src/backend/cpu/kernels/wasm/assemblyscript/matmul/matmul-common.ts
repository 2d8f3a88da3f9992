// The last step of an output, common to all matrix kernels. All matmul jobs have the same layout, so the constants of matmulQ4
// serve all of them.
import { matmulQ4_accumulate, matmulQ4_bias, matmulQ4_numRows, matmulQ4_scale } from "../job-fields";

/** Bytes of the row packs of a panel, which stays in the first-level cache while a kernel goes through the tokens. */
const panelBytes: u32 = 24 * 1024;

/** Row packs of a panel: as many as the first-level cache holds, at least one. */
export function rowPacksPerPanel(rowPackBytes: u32): u32 {
  return max<u32>(1, panelBytes / rowPackBytes);
}

/**
 * out[0 … 8) = scale · (sums + bias), or added to out; `out` is the place of this token's number of `row`. Inlined, because four
 * calls took 4 % of a tile of 576 columns.
 */
// @ts-ignore: decorator
@inline
export function finish(job: usize, out: usize, row: u32, low: v128, high: v128): void {
  const rows = min<u32>(8, load<u32>(job, matmulQ4_numRows) - row);
  if (rows < 8) return finishPart(job, out, row, rows, low, high);
  const scale = v128.load32_splat(job + matmulQ4_scale);
  const bias = <usize>load<u32>(job, matmulQ4_bias);
  if (bias) {
    low = f32x4.add(low, v128.load(bias + (row << 2)));
    high = f32x4.add(high, v128.load(bias + (row << 2), 16));
  }
  low = f32x4.mul(low, scale);
  high = f32x4.mul(high, scale);
  if (load<i32>(job, matmulQ4_accumulate)) {
    low = f32x4.add(v128.load(out), low);
    high = f32x4.add(v128.load(out, 16), high);
  }
  v128.store(out, low);
  v128.store(out, high, 16);
}

/** The last rows of a matrix whose number of rows is not a multiple of 8: only these may be written. */
function finishPart(job: usize, out: usize, row: u32, rows: u32, low: v128, high: v128): void {
  const bias = <usize>load<u32>(job, matmulQ4_bias);
  const accumulate = load<i32>(job, matmulQ4_accumulate);
  for (let r: u32 = 0; r < rows; r++) {
    let value = lane(r < 4 ? low : high, r & 3);
    if (bias) value += load<f32>(bias + ((row + r) << 2));
    value *= load<f32>(job, matmulQ4_scale);
    const at = out + (r << 2);
    store<f32>(at, accumulate ? load<f32>(at) + value : value);
  }
}

function lane(values: v128, index: u32): f32 {
  if (index == 0) return f32x4.extract_lane(values, 0);
  if (index == 1) return f32x4.extract_lane(values, 1);
  if (index == 2) return f32x4.extract_lane(values, 2);
  return f32x4.extract_lane(values, 3);
}
