// The two inner products of attention, over one tile of 16 tokens in f32.
//
//   keys   [headDim][16 tokens]: one dimension of 4 tokens per vector; a score is a chain over dimensions
//   values [16 tokens][headDim]: 4 dimensions of one token per vector; an output is a chain over tokens
//
// Three query vectors at a time share the loads; each one's chain is the same whether it goes with others or alone.
//
// The type parameter is what the tile holds: f32 (kv-tile.ts made it so), or u16: f16 straight from the cache, times
// 2^-112, where so few query vectors share a number that writing it down as f32 would cost more than it saves.
import { recordBytes } from "./attention-record";
import { halves4Raw } from "./half";

// @ts-ignore: decorator
@inline
function numbers4<T>(at: usize, index: usize): v128 {
  return sizeof<T>() == 2 ? halves4Raw(at + 2 * index) : v128.load(at + 4 * index);
}

const scoreRowBytes: usize = 2048;

/** scores[v][0 … 16) = Σ_d queries[v][d] · keys[d][0 … 16) */
export function scoreTile<T>(queries: usize, keys: usize, out: usize, numVectors: u32, headDim: u32): void {
  const queryBytes = <usize>(headDim << 2);
  let left = numVectors;
  for (; left >= 3; left -= 3) {
    scores3<T>(queries, keys, out, queryBytes);
    queries += 3 * queryBytes;
    out += 3 * scoreRowBytes;
  }
  for (; left > 0; left--) {
    scores1<T>(queries, keys, out, queryBytes);
    queries += queryBytes;
    out += scoreRowBytes;
  }
}

function scores3<T>(q: usize, keys: usize, out: usize, queryBytes: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  let b0 = a0, b1 = a0, b2 = a0, b3 = a0, c0 = a0, c1 = a0, c2 = a0, c3 = a0;
  let r = q + queryBytes, s = r + queryBytes;
  for (const last = q + queryBytes; q < last; q += 8) {
    let x = v128.load32_splat(q), y = v128.load32_splat(r), z = v128.load32_splat(s);
    let k = numbers4<T>(keys, 0);
    a0 = f32x4.relaxed_madd(k, x, a0); b0 = f32x4.relaxed_madd(k, y, b0); c0 = f32x4.relaxed_madd(k, z, c0);
    k = numbers4<T>(keys, 4);
    a1 = f32x4.relaxed_madd(k, x, a1); b1 = f32x4.relaxed_madd(k, y, b1); c1 = f32x4.relaxed_madd(k, z, c1);
    k = numbers4<T>(keys, 8);
    a2 = f32x4.relaxed_madd(k, x, a2); b2 = f32x4.relaxed_madd(k, y, b2); c2 = f32x4.relaxed_madd(k, z, c2);
    k = numbers4<T>(keys, 12);
    a3 = f32x4.relaxed_madd(k, x, a3); b3 = f32x4.relaxed_madd(k, y, b3); c3 = f32x4.relaxed_madd(k, z, c3);
    x = v128.load32_splat(q, 4), y = v128.load32_splat(r, 4), z = v128.load32_splat(s, 4);
    k = numbers4<T>(keys, 16);
    a0 = f32x4.relaxed_madd(k, x, a0); b0 = f32x4.relaxed_madd(k, y, b0); c0 = f32x4.relaxed_madd(k, z, c0);
    k = numbers4<T>(keys, 20);
    a1 = f32x4.relaxed_madd(k, x, a1); b1 = f32x4.relaxed_madd(k, y, b1); c1 = f32x4.relaxed_madd(k, z, c1);
    k = numbers4<T>(keys, 24);
    a2 = f32x4.relaxed_madd(k, x, a2); b2 = f32x4.relaxed_madd(k, y, b2); c2 = f32x4.relaxed_madd(k, z, c2);
    k = numbers4<T>(keys, 28);
    a3 = f32x4.relaxed_madd(k, x, a3); b3 = f32x4.relaxed_madd(k, y, b3); c3 = f32x4.relaxed_madd(k, z, c3);
    keys += 32 * sizeof<T>(); r += 8; s += 8;
  }
  store16(out, a0, a1, a2, a3);
  store16(out + scoreRowBytes, b0, b1, b2, b3);
  store16(out + 2 * scoreRowBytes, c0, c1, c2, c3);
}

function scores1<T>(q: usize, keys: usize, out: usize, queryBytes: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  for (const last = q + queryBytes; q < last; q += 4) {
    const x = v128.load32_splat(q);
    a0 = f32x4.relaxed_madd(numbers4<T>(keys, 0), x, a0);
    a1 = f32x4.relaxed_madd(numbers4<T>(keys, 4), x, a1);
    a2 = f32x4.relaxed_madd(numbers4<T>(keys, 8), x, a2);
    a3 = f32x4.relaxed_madd(numbers4<T>(keys, 12), x, a3);
    keys += 16 * sizeof<T>();
  }
  store16(out, a0, a1, a2, a3);
}

// @ts-ignore: decorator
@inline
function store16(out: usize, a: v128, b: v128, c: v128, d: v128): void {
  v128.store(out, a);
  v128.store(out, b, 16);
  v128.store(out, c, 32);
  v128.store(out, d, 48);
}

/** results[v][d] += Σ_t weights[v][t] · values[t][d], t < numTokens (even); results are partial records. */
export function addValues<T>(
  results: usize, values: usize, weights: usize, numVectors: u32, headDim: u32, numTokens: u32,
): void {
  const record = recordBytes(headDim), rowBytes = ((record - 16) >>> 2) * sizeof<T>();
  let left = numVectors;
  for (; left >= 3; left -= 3) {
    let d: usize = 16, column = values;
    for (; d + 64 <= record; d += 64) {
      values3<T>(results + d, record, column, rowBytes, weights, numTokens);
      column += 16 * sizeof<T>();
    }
    for (let v: u32 = 0; v < 3; v++)
      restOfRow<T>(results + v * record, d, column, rowBytes, weights + v * scoreRowBytes, numTokens);
    results += 3 * record;
    weights += 3 * scoreRowBytes;
  }
  for (; left > 0; left--) {
    let d: usize = 16, column = values;
    for (; d + 64 <= record; d += 64) {
      values1<T>(results + d, column, rowBytes, weights, numTokens);
      column += 16 * sizeof<T>();
    }
    restOfRow<T>(results, d, column, rowBytes, weights, numTokens);
    results += record;
    weights += scoreRowBytes;
  }
}

/** The dimensions of one query vector that are left when 16 at a time are done; `d` counts bytes of the record. */
function restOfRow<T>(result: usize, d: usize, values: usize, rowBytes: usize, weights: usize, numTokens: u32): void {
  const record = ((rowBytes / sizeof<T>()) << 2) + 16;
  for (; d < record; d += 16) {
    value1<T>(result + d, values, rowBytes, weights, numTokens);
    values += 4 * sizeof<T>();
  }
}

/** 16 dimensions of three query vectors. */
function values3<T>(at: usize, record: usize, values: usize, rowBytes: usize, weights: usize, numTokens: u32): void {
  const bt = at + record, ct = bt + record;
  let a0 = v128.load(at), a1 = v128.load(at, 16), a2 = v128.load(at, 32), a3 = v128.load(at, 48);
  let b0 = v128.load(bt), b1 = v128.load(bt, 16), b2 = v128.load(bt, 32), b3 = v128.load(bt, 48);
  let c0 = v128.load(ct), c1 = v128.load(ct, 16), c2 = v128.load(ct, 32), c3 = v128.load(ct, 48);
  for (const last = weights + (numTokens << 2); weights < last; weights += 8) {
    let x = v128.load32_splat(weights), y = v128.load32_splat(weights, 2048), z = v128.load32_splat(weights, 4096);
    let v = numbers4<T>(values, 0);
    a0 = f32x4.relaxed_madd(v, x, a0); b0 = f32x4.relaxed_madd(v, y, b0); c0 = f32x4.relaxed_madd(v, z, c0);
    v = numbers4<T>(values, 4);
    a1 = f32x4.relaxed_madd(v, x, a1); b1 = f32x4.relaxed_madd(v, y, b1); c1 = f32x4.relaxed_madd(v, z, c1);
    v = numbers4<T>(values, 8);
    a2 = f32x4.relaxed_madd(v, x, a2); b2 = f32x4.relaxed_madd(v, y, b2); c2 = f32x4.relaxed_madd(v, z, c2);
    v = numbers4<T>(values, 12);
    a3 = f32x4.relaxed_madd(v, x, a3); b3 = f32x4.relaxed_madd(v, y, b3); c3 = f32x4.relaxed_madd(v, z, c3);
    const next = values + rowBytes;
    x = v128.load32_splat(weights, 4); y = v128.load32_splat(weights, 2052); z = v128.load32_splat(weights, 4100);
    v = numbers4<T>(next, 0);
    a0 = f32x4.relaxed_madd(v, x, a0); b0 = f32x4.relaxed_madd(v, y, b0); c0 = f32x4.relaxed_madd(v, z, c0);
    v = numbers4<T>(next, 4);
    a1 = f32x4.relaxed_madd(v, x, a1); b1 = f32x4.relaxed_madd(v, y, b1); c1 = f32x4.relaxed_madd(v, z, c1);
    v = numbers4<T>(next, 8);
    a2 = f32x4.relaxed_madd(v, x, a2); b2 = f32x4.relaxed_madd(v, y, b2); c2 = f32x4.relaxed_madd(v, z, c2);
    v = numbers4<T>(next, 12);
    a3 = f32x4.relaxed_madd(v, x, a3); b3 = f32x4.relaxed_madd(v, y, b3); c3 = f32x4.relaxed_madd(v, z, c3);
    values = next + rowBytes;
  }
  store16(at, a0, a1, a2, a3);
  store16(bt, b0, b1, b2, b3);
  store16(ct, c0, c1, c2, c3);
}

/** 16 dimensions of one query vector. */
function values1<T>(at: usize, values: usize, rowBytes: usize, weights: usize, numTokens: u32): void {
  let a0 = v128.load(at), a1 = v128.load(at, 16), a2 = v128.load(at, 32), a3 = v128.load(at, 48);
  for (const last = weights + (numTokens << 2); weights < last; weights += 4) {
    const x = v128.load32_splat(weights);
    a0 = f32x4.relaxed_madd(numbers4<T>(values, 0), x, a0);
    a1 = f32x4.relaxed_madd(numbers4<T>(values, 4), x, a1);
    a2 = f32x4.relaxed_madd(numbers4<T>(values, 8), x, a2);
    a3 = f32x4.relaxed_madd(numbers4<T>(values, 12), x, a3);
    values += rowBytes;
  }
  store16(at, a0, a1, a2, a3);
}

/** 4 dimensions of one query vector. */
function value1<T>(at: usize, values: usize, rowBytes: usize, weights: usize, numTokens: u32): void {
  let a = v128.load(at);
  for (const last = weights + (numTokens << 2); weights < last; weights += 4) {
    a = f32x4.relaxed_madd(numbers4<T>(values, 0), v128.load32_splat(weights), a);
    values += rowBytes;
  }
  v128.store(at, a);
}
