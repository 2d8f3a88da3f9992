// The two inner products of attention, over one tile of 16 tokens in f32.
//
//   keys   [headDim][16 tokens]: one dimension of 4 tokens per vector; a score is a chain over dimensions
//   values [16 tokens][headDim]: 4 dimensions of one token per vector; an output is a chain over tokens
//
// Three query vectors at a time share the loads; each one's chain is the same whether it goes with others or alone.
import { recordBytes } from "./attention-record";

const scoreRowBytes: usize = 2048;

/** scores[v][0 … 16) = Σ_d queries[v][d] · keys[d][0 … 16) */
export function scoreTile(queries: usize, keys: usize, out: usize, numVectors: u32, headDim: u32): void {
  const queryBytes = <usize>(headDim << 2);
  let left = numVectors;
  for (; left >= 3; left -= 3) {
    scores3(queries, keys, out, queryBytes);
    queries += 3 * queryBytes;
    out += 3 * scoreRowBytes;
  }
  for (; left > 0; left--) {
    scores1(queries, keys, out, queryBytes);
    queries += queryBytes;
    out += scoreRowBytes;
  }
}

function scores3(q: usize, keys: usize, out: usize, queryBytes: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0, c0 = a0, c1 = a0, c2 = a0, c3 = a0;
  let r = q + queryBytes, s = r + queryBytes;
  for (const last = q + queryBytes; q < last; q += 4) {
    const x = v128.load32_splat(q), y = v128.load32_splat(r), z = v128.load32_splat(s);
    let k = v128.load(keys);
    a0 = f32x4.relaxed_madd(k, x, a0); b0 = f32x4.relaxed_madd(k, y, b0); c0 = f32x4.relaxed_madd(k, z, c0);
    k = v128.load(keys, 16);
    a1 = f32x4.relaxed_madd(k, x, a1); b1 = f32x4.relaxed_madd(k, y, b1); c1 = f32x4.relaxed_madd(k, z, c1);
    k = v128.load(keys, 32);
    a2 = f32x4.relaxed_madd(k, x, a2); b2 = f32x4.relaxed_madd(k, y, b2); c2 = f32x4.relaxed_madd(k, z, c2);
    k = v128.load(keys, 48);
    a3 = f32x4.relaxed_madd(k, x, a3); b3 = f32x4.relaxed_madd(k, y, b3); c3 = f32x4.relaxed_madd(k, z, c3);
    keys += 64; r += 4; s += 4;
  }
  store16(out, a0, a1, a2, a3);
  store16(out + scoreRowBytes, b0, b1, b2, b3);
  store16(out + 2 * scoreRowBytes, c0, c1, c2, c3);
}

function scores1(q: usize, keys: usize, out: usize, queryBytes: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  for (const last = q + queryBytes; q < last; q += 4) {
    const x = v128.load32_splat(q);
    a0 = f32x4.relaxed_madd(v128.load(keys), x, a0);
    a1 = f32x4.relaxed_madd(v128.load(keys, 16), x, a1);
    a2 = f32x4.relaxed_madd(v128.load(keys, 32), x, a2);
    a3 = f32x4.relaxed_madd(v128.load(keys, 48), x, a3);
    keys += 64;
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

/** results[v][d] += Σ_t weights[v][t] · values[t][d], t < numTokens; results are partial records. */
export function addValues(results: usize, values: usize, weights: usize, numVectors: u32, headDim: u32, numTokens: u32): void {
  const record = recordBytes(headDim), rowBytes = record - 16;
  let left = numVectors;
  for (; left >= 3; left -= 3) {
    let d: usize = 0;
    for (; d + 64 <= rowBytes; d += 64) values3(results + 16 + d, record, values + d, rowBytes, weights, numTokens);
    for (; d < rowBytes; d += 16)
      for (let v: u32 = 0; v < 3; v++)
        value1(results + 16 + d + v * record, values + d, rowBytes, weights + v * scoreRowBytes, numTokens);
    results += 3 * record;
    weights += 3 * scoreRowBytes;
  }
  for (; left > 0; left--) {
    let d: usize = 0;
    for (; d + 64 <= rowBytes; d += 64) values1(results + 16 + d, values + d, rowBytes, weights, numTokens);
    for (; d < rowBytes; d += 16) value1(results + 16 + d, values + d, rowBytes, weights, numTokens);
    results += record;
    weights += scoreRowBytes;
  }
}

/** 16 dimensions of three query vectors. */
function values3(at: usize, record: usize, values: usize, rowBytes: usize, weights: usize, numTokens: u32): void {
  const bt = at + record, ct = bt + record;
  let a0 = v128.load(at), a1 = v128.load(at, 16), a2 = v128.load(at, 32), a3 = v128.load(at, 48);
  let b0 = v128.load(bt), b1 = v128.load(bt, 16), b2 = v128.load(bt, 32), b3 = v128.load(bt, 48);
  let c0 = v128.load(ct), c1 = v128.load(ct, 16), c2 = v128.load(ct, 32), c3 = v128.load(ct, 48);
  for (const last = weights + (numTokens << 2); weights < last; weights += 4) {
    const x = v128.load32_splat(weights), y = v128.load32_splat(weights, 2048), z = v128.load32_splat(weights, 4096);
    let v = v128.load(values);
    a0 = f32x4.relaxed_madd(v, x, a0); b0 = f32x4.relaxed_madd(v, y, b0); c0 = f32x4.relaxed_madd(v, z, c0);
    v = v128.load(values, 16);
    a1 = f32x4.relaxed_madd(v, x, a1); b1 = f32x4.relaxed_madd(v, y, b1); c1 = f32x4.relaxed_madd(v, z, c1);
    v = v128.load(values, 32);
    a2 = f32x4.relaxed_madd(v, x, a2); b2 = f32x4.relaxed_madd(v, y, b2); c2 = f32x4.relaxed_madd(v, z, c2);
    v = v128.load(values, 48);
    a3 = f32x4.relaxed_madd(v, x, a3); b3 = f32x4.relaxed_madd(v, y, b3); c3 = f32x4.relaxed_madd(v, z, c3);
    values += rowBytes;
  }
  store16(at, a0, a1, a2, a3);
  store16(bt, b0, b1, b2, b3);
  store16(ct, c0, c1, c2, c3);
}

/** 16 dimensions of one query vector. */
function values1(at: usize, values: usize, rowBytes: usize, weights: usize, numTokens: u32): void {
  let a0 = v128.load(at), a1 = v128.load(at, 16), a2 = v128.load(at, 32), a3 = v128.load(at, 48);
  for (const last = weights + (numTokens << 2); weights < last; weights += 4) {
    const x = v128.load32_splat(weights);
    a0 = f32x4.relaxed_madd(v128.load(values), x, a0);
    a1 = f32x4.relaxed_madd(v128.load(values, 16), x, a1);
    a2 = f32x4.relaxed_madd(v128.load(values, 32), x, a2);
    a3 = f32x4.relaxed_madd(v128.load(values, 48), x, a3);
    values += rowBytes;
  }
  store16(at, a0, a1, a2, a3);
}

/** 4 dimensions of one query vector. */
function value1(at: usize, values: usize, rowBytes: usize, weights: usize, numTokens: u32): void {
  let a = v128.load(at);
  for (const last = weights + (numTokens << 2); weights < last; weights += 4) {
    a = f32x4.relaxed_madd(v128.load(values), v128.load32_splat(weights), a);
    values += rowBytes;
  }
  v128.store(at, a);
}
