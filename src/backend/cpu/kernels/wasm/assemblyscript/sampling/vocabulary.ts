// Passes over one row of numbers as wide as the vocabulary. Sums are f64 in chunks of 1,024 numbers, chunks in order.
// Limit: memory for a maximum; about 35 instructions for 4 numbers where exponentials are summed.
import { minusInfinity } from "../numbers/constants";
import { exp4, maxLanes } from "../numbers/exp";

export const chunkNumbers: u32 = 1024;

/** NaN if any number is NaN: pmax ignores NaN, so numbers that do not equal themselves are detected separately. */
export function largestOf(row: usize, width: u32): f32 {
  let a = f32x4.splat(-Infinity), b = a, unequal = i32x4.splat(0);
  let at = row;
  for (const last = row + ((width >>> 3) << 5); at < last; at += 32) {
    const x = v128.load(at), y = v128.load(at, 16);
    a = f32x4.pmax(a, x);
    b = f32x4.pmax(b, y);
    unequal = v128.or(unequal, v128.or(f32x4.ne(x, x), f32x4.ne(y, y)));
  }
  let found: f32 = v128.any_true(unequal) ? NaN : maxLanes(f32x4.pmax(a, b));
  for (const end = row + (width << 2); at < end; at += 4) found = max<f32>(found, load<f32>(at));
  return found;
}

/** Lowest index of `value`; 0 if it does not occur. */
export function indexOf(row: usize, width: u32, value: f32): u32 {
  const wanted = f32x4.splat(value);
  let i: u32 = 0;
  while (i + 4 <= width && !v128.any_true(f32x4.eq(v128.load(row + (i << 2)), wanted))) i += 4;
  for (; i < width; i++) if (load<f32>(row + (i << 2)) == value) return i;
  return 0;
}

/** How many numbers are larger. */
export function countAbove(row: usize, width: u32, value: f32): u32 {
  const bound = f32x4.splat(value);
  let counts = i32x4.splat(0), i: u32 = 0;
  for (; i + 4 <= width; i += 4) counts = i32x4.sub(counts, f32x4.gt(v128.load(row + (i << 2)), bound));
  let count = i32x4.extract_lane(counts, 0) + i32x4.extract_lane(counts, 1) + i32x4.extract_lane(counts, 2)
    + i32x4.extract_lane(counts, 3);
  for (; i < width; i++) if (load<f32>(row + (i << 2)) > value) count++;
  return count;
}

/** e^(z − top), and exactly 0 where z is −Infinity. */
// @ts-ignore: decorator
@inline
export function weight4(z: v128, top: v128): v128 {
  return v128.and(exp4(f32x4.sub(z, top)), f32x4.gt(z, minusInfinity));
}

/** Σ e^(z − top) of z = row/temperature over [first, end), of those with z ≥ lowest and weight ≥ minWeight. */
export function weightSum(
  row: usize, first: u32, end: u32, temperature: f32, top: f32, lowest: f32, minWeight: f32,
): f64 {
  const divisor = f32x4.splat(temperature), highest = f32x4.splat(top);
  const bound = f32x4.splat(lowest), minimum = f32x4.splat(minWeight);
  let a = f64x2.splat(0), b = a, i = first;
  for (; i + 4 <= end; i += 4) {
    const z = f32x4.div(v128.load(row + (i << 2)), divisor);
    if (lowest > -Infinity && !v128.any_true(f32x4.ge(z, bound))) continue;
    const w = keptWeight4(z, highest, bound, minimum);
    a = f64x2.add(a, f64x2.promote_low_f32x4(w));
    b = f64x2.add(b, f64x2.promote_low_f32x4(v128.shuffle<i32>(w, w, 2, 3, 2, 3)));
  }
  const lanes = f64x2.add(a, b);
  let sum = f64x2.extract_lane(lanes, 0) + f64x2.extract_lane(lanes, 1);
  for (; i < end; i++) sum += <f64>keptWeight(load<f32>(row + (i << 2)) / temperature, top, lowest, minWeight);
  return sum;
}

// @ts-ignore: decorator
@inline
function keptWeight4(z: v128, top: v128, lowest: v128, minWeight: v128): v128 {
  const w = weight4(z, top);
  return v128.and(w, v128.and(f32x4.ge(z, lowest), f32x4.ge(w, minWeight)));
}

export function keptWeight(z: f32, top: f32, lowest: f32, minWeight: f32): f32 {
  const w = keptWeight4(f32x4.splat(z), f32x4.splat(top), f32x4.splat(lowest), f32x4.splat(minWeight));
  return f32x4.extract_lane(w, 0);
}

/** weightSum over the whole row; if `chunks` is not 0, each chunk's sum is stored there as f64. */
export function totalWeight(
  row: usize, width: u32, temperature: f32, top: f32, lowest: f32, minWeight: f32, chunks: usize,
): f64 {
  let total: f64 = 0;
  for (let i: u32 = 0; i < width; i += chunkNumbers) {
    const sum = weightSum(row, i, min(width, i + chunkNumbers), temperature, top, lowest, minWeight);
    if (chunks) store<f64>(chunks + (i / chunkNumbers) * 8, sum);
    total += sum;
  }
  return total;
}

/** ln x of a positive normal number: x = m·2^e, ln m = 2·artanh((m − 1)/(m + 1)) by its series; off by < 1e-15. */
export function naturalLog(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  let exponent = <i32>((bits >>> 52) & 0x7ff) - 1023;
  let m = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent++;
  }
  const s = (m - 1) / (m + 1), square = s * s;
  let sum: f64 = 0;
  for (let k: f64 = 21; k > 0; k -= 2) sum = sum * square + 1 / k;
  return 2 * s * sum + <f64>exponent * 0.6931471805599453;
}

/** ln Σ e^x, the log-probabilities' normaliser, of numbers whose largest is `top`. */
export function logSumExp(row: usize, width: u32, top: f32): f32 {
  return <f32>(<f64>top + naturalLog(totalWeight(row, width, 1, top, -Infinity, 0, 0)));
}
