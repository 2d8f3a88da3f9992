// The z at which top_k or top_p cuts: numbers are taken by descending z until the sum of their measures (1 each, or their weights)
// reaches a goal; the result is the z of the last one.
//
// Numbers near the maximum are collected first (within 2 of it, else 8, 32, 128, else all), as pairs of z and weight, and then
// partitioned around pivots as in quickselect, continuing only on the side of the goal.
import { weight4 } from "./vocabulary";

/** Collects z and weight of the row's numbers with z ≥ lowest and weight ≥ minWeight; returns how many. */
function collect(row: usize, width: u32, temperature: f32, top: f32, lowest: f32, minWeight: f32, list: usize): u32 {
  const divisor = f32x4.splat(temperature), bound = f32x4.splat(lowest);
  let found = list, i: u32 = 0;
  for (; i + 4 <= width; i += 4) {
    const z = f32x4.div(v128.load(row + (i << 2)), divisor);
    if (!v128.any_true(f32x4.ge(z, bound))) continue;
    for (let k: u32 = i; k < i + 4; k++)
      found = append(load<f32>(row + (k << 2)) / temperature, top, lowest, minWeight, found);
  }
  for (; i < width; i++) found = append(load<f32>(row + (i << 2)) / temperature, top, lowest, minWeight, found);
  return <u32>((found - list) >>> 3);
}

// @ts-ignore: decorator
@inline
function append(z: f32, top: f32, lowest: f32, minWeight: f32, at: usize): usize {
  if (!(z >= lowest)) return at;
  const w = f32x4.extract_lane(weight4(f32x4.splat(z), f32x4.splat(top)), 0);
  if (w < minWeight) return at;
  store<f32>(at, z);
  store<f32>(at, w, 4);
  return at + 8;
}

// @ts-ignore: decorator
@inline
function measure(entry: usize, byWeight: bool): f64 {
  return byWeight ? <f64>load<f32>(entry, 4) : 1;
}

// @ts-ignore: decorator
@inline
function swap(a: usize, b: usize): void {
  const entry = load<u64>(a);
  store<u64>(a, load<u64>(b));
  store<u64>(b, entry);
}

function middleOf(a: f32, b: f32, c: f32): f32 {
  return max<f32>(min<f32>(a, b), min<f32>(max<f32>(a, b), c));
}

/** The z of the last number that is taken from `count` ≥ 1 entries. */
function select(list: usize, count: u32, goal: f64, byWeight: bool): f32 {
  let first = list, end = list + (count << 3), smallest: f32 = Infinity;
  while (first < end) {
    const middle = first + (((end - first) >>> 4) << 3);
    const pivot = middleOf(load<f32>(first), load<f32>(middle), load<f32>(end - 8));
    // [first, above) > pivot   [above, at) = pivot   [below, end) < pivot
    let above = first, at = first, below = end, larger: f64 = 0, equal: f64 = 0;
    while (at < below) {
      const z = load<f32>(at);
      if (z > pivot) {
        larger += measure(at, byWeight);
        swap(above, at);
        above += 8;
        at += 8;
      } else if (z == pivot) {
        equal += measure(at, byWeight);
        at += 8;
      } else {
        below -= 8;
        swap(at, below);
      }
    }
    if (larger >= goal && above > first) {
      end = above;
    } else if (larger + equal >= goal) {
      return pivot;
    } else {
      smallest = pivot;
      goal -= larger + equal;
      first = below;
    }
  }
  // Rounding made the goal unreachable: everything is taken.
  return smallest;
}

/** `list` has room for 8 bytes per number of the row. Numbers below `lowest` or `minWeight` are left out. */
export function thresholdOf(
  row: usize, width: u32, temperature: f32, top: f32, lowest: f32, minWeight: f32, goal: f64, byWeight: bool, list: usize,
): f32 {
  let within: f32 = 2;
  while (true) {
    const bound = max<f32>(lowest, top - within);
    const count = collect(row, width, temperature, top, bound, minWeight, list);
    let sum: f64 = 0;
    for (let i: u32 = 0; i < count; i++) sum += measure(list + (i << 3), byWeight);
    if (sum >= goal || bound == lowest || within == <f32>Infinity)
      return count > 0 ? select(list, count, goal, byWeight) : top;
    within = within < 128 ? within * 4 : Infinity;
  }
}
