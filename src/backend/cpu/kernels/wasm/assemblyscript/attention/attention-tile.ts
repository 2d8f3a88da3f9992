// The two inner products of attention, over one tile of 16 tokens.
//
//   keys   [headDim][16 tokens]: numbers of one dimension are adjacent; a score is a chain over dimensions
//   values [16 tokens][headDim]: numbers of one token are adjacent; an output is a chain over tokens
//
// The type parameter is the tile's number type: u16 for f16 of the cache, which are read times 2^-112 (half.ts), or f32, as
// kv-tile.ts converted them. Eight adjacent numbers are read at a time, as two vectors:
//
//   f16  ├0│1│2│3│4│5│6│7┤  one load; even numbers (0 2 4 6) by two shifts, odd ones (1 3 5 7) by one
//   f32  ├─0─│─1─│─2─│─3─┤├─4─│─5─│─6─│─7─┤
//
// Four or three query vectors share them: 8 or 6 running sums, their factors and the mask take 15 registers, as many as V8 has
// for a function; with 12 sums it spilled five of them in every iteration. The chain of a vector does not depend on the
// others.
//
// Limit: for 8 f16 and 4 query vectors, 8 multiply-adds at two a cycle and 16 other instructions, at six of all a cycle; for 3
// query vectors, the latency of a multiply-add: 4 cycles for 6 of them.
import { recordBytes } from "./attention-record";
import { halfBits } from "../numbers/constants";

const scoreRowBytes: usize = 2048;

/** The even ones of the eight numbers that begin with `loaded` (f32: the first four). */
// @ts-ignore: decorator
@inline
function evenOnes<T>(loaded: v128, mask: v128): v128 {
  return sizeof<T>() == 2 ? v128.and(i32x4.shr_s(i32x4.shl(loaded, 16), 3), mask) : loaded;
}

/** The odd ones of the eight numbers at `at` (f32: the last four). */
// @ts-ignore: decorator
@inline
function oddOnes<T>(loaded: v128, at: usize, mask: v128): v128 {
  return sizeof<T>() == 2 ? v128.and(i32x4.shr_s(loaded, 3), mask) : v128.load(at, 16);
}

/** Writes eight sums in the order of the numbers that they belong to. */
// @ts-ignore: decorator
@inline
function storeInOrder<T>(out: usize, even: v128, odd: v128): void {
  v128.store(out, sizeof<T>() == 2 ? v128.shuffle<i32>(even, odd, 0, 4, 1, 5) : even);
  v128.store(out, sizeof<T>() == 2 ? v128.shuffle<i32>(even, odd, 2, 6, 3, 7) : odd, 16);
}

// @ts-ignore: decorator
@inline
function evenSums<T>(at: usize): v128 {
  const low = v128.load(at);
  return sizeof<T>() == 2 ? v128.shuffle<i32>(low, v128.load(at, 16), 0, 2, 4, 6) : low;
}

// @ts-ignore: decorator
@inline
function oddSums<T>(at: usize): v128 {
  const high = v128.load(at, 16);
  return sizeof<T>() == 2 ? v128.shuffle<i32>(v128.load(at), high, 1, 3, 5, 7) : high;
}

/** How many of `left` query vectors to take: four, or three if four would leave a single one. */
// @ts-ignore: decorator
@inline
function vectorsAtOnce(left: u32): u32 {
  if (left < 3) return 1;
  return left == 3 || left == 6 || left == 9 ? 3 : 4;
}

/** scores[v][0 … 16) = Σ_d queries[v][d] · keys[d][0 … 16) */
export function scoreTile<T>(queries: usize, keys: usize, out: usize, numVectors: u32, headDim: u32): void {
  const queryBytes = <usize>(headDim << 2), second = keys + 8 * sizeof<T>();
  for (let left = numVectors; left > 0; ) {
    const together = vectorsAtOnce(left);
    if (together == 4) {
      scores4<T>(queries, keys, out, queryBytes);
      scores4<T>(queries, second, out + 32, queryBytes);
    } else if (together == 3) {
      scores3<T>(queries, keys, out, queryBytes);
      scores3<T>(queries, second, out + 32, queryBytes);
    } else {
      scores1<T>(queries, keys, out, queryBytes);
    }
    queries += together * queryBytes;
    out += together * scoreRowBytes;
    left -= together;
  }
}

/** 8 tokens, four query vectors. */
function scores4<T>(q: usize, keys: usize, out: usize, queryBytes: usize): void {
  let a = f32x4.splat(0), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
  let r = q + queryBytes, s = r + queryBytes, t = s + queryBytes;
  const mask = halfBits;
  for (const last = r; q < last; q += 4) {
    const w = v128.load32_splat(q), x = v128.load32_splat(r), y = v128.load32_splat(s), z = v128.load32_splat(t);
    const k = v128.load(keys), odd = oddOnes<T>(k, keys, mask);
    b = f32x4.relaxed_madd(odd, w, b); d = f32x4.relaxed_madd(odd, x, d);
    f = f32x4.relaxed_madd(odd, y, f); h = f32x4.relaxed_madd(odd, z, h);
    const even = evenOnes<T>(k, mask);
    a = f32x4.relaxed_madd(even, w, a); c = f32x4.relaxed_madd(even, x, c);
    e = f32x4.relaxed_madd(even, y, e); g = f32x4.relaxed_madd(even, z, g);
    keys += 16 * sizeof<T>(); r += 4; s += 4; t += 4;
  }
  storeInOrder<T>(out, a, b);
  storeInOrder<T>(out + scoreRowBytes, c, d);
  storeInOrder<T>(out + 2 * scoreRowBytes, e, f);
  storeInOrder<T>(out + 3 * scoreRowBytes, g, h);
}

/** 8 tokens, three query vectors. */
function scores3<T>(q: usize, keys: usize, out: usize, queryBytes: usize): void {
  let a = f32x4.splat(0), b = a, c = a, d = a, e = a, f = a;
  let r = q + queryBytes, s = r + queryBytes;
  const mask = halfBits;
  for (const last = r; q < last; q += 4) {
    const x = v128.load32_splat(q), y = v128.load32_splat(r), z = v128.load32_splat(s);
    const k = v128.load(keys), odd = oddOnes<T>(k, keys, mask);
    b = f32x4.relaxed_madd(odd, x, b); d = f32x4.relaxed_madd(odd, y, d); f = f32x4.relaxed_madd(odd, z, f);
    const even = evenOnes<T>(k, mask);
    a = f32x4.relaxed_madd(even, x, a); c = f32x4.relaxed_madd(even, y, c); e = f32x4.relaxed_madd(even, z, e);
    keys += 16 * sizeof<T>(); r += 4; s += 4;
  }
  storeInOrder<T>(out, a, b);
  storeInOrder<T>(out + scoreRowBytes, c, d);
  storeInOrder<T>(out + 2 * scoreRowBytes, e, f);
}

/** 16 tokens, one query vector. */
function scores1<T>(q: usize, keys: usize, out: usize, queryBytes: usize): void {
  let a = f32x4.splat(0), b = a, c = a, d = a;
  const mask = halfBits;
  for (const last = q + queryBytes; q < last; q += 4) {
    const x = v128.load32_splat(q), second = keys + 8 * sizeof<T>();
    const k = v128.load(keys), l = v128.load(second);
    a = f32x4.relaxed_madd(evenOnes<T>(k, mask), x, a);
    b = f32x4.relaxed_madd(oddOnes<T>(k, keys, mask), x, b);
    c = f32x4.relaxed_madd(evenOnes<T>(l, mask), x, c);
    d = f32x4.relaxed_madd(oddOnes<T>(l, second, mask), x, d);
    keys += 16 * sizeof<T>();
  }
  storeInOrder<T>(out, a, b);
  storeInOrder<T>(out + 32, c, d);
}

/**
 * results[v][d] += Σ_t weights[v][t] · values[t][d], t < numTokens; results are partial records. `tiles` is in f32 one
 * tile, in f16 a list of tiles' addresses; f16 only where headDim is a multiple of 16.
 */
export function addValues<T>(
  results: usize, tiles: usize, weights: usize, numVectors: u32, headDim: u32, numTokens: u32,
): void {
  const record = recordBytes(headDim), rowBytes = ((record - 16) >>> 2) * sizeof<T>();
  for (let left = numVectors; left > 0; ) {
    const together = vectorsAtOnce(left), end = weights + <usize>(numTokens << 2);
    const width: usize = together == 1 ? 64 : 32;
    let d: usize = 16, column: usize = 0;
    for (; d + width <= record; d += width) {
      if (together == 4) values4<T>(results + d, record, tiles, column, rowBytes, weights, end);
      else if (together == 3) values3<T>(results + d, record, tiles, column, rowBytes, weights, end);
      else values1<T>(results + d, tiles, column, rowBytes, weights, end);
      column += (width >>> 2) * sizeof<T>();
    }
    for (; d < record; d += 16) {
      restOfRows(results + d, record, tiles + column, rowBytes, weights, end, together);
      column += 16;
    }
    results += together * record;
    weights += together * scoreRowBytes;
    left -= together;
  }
}

// @ts-ignore: decorator
@inline
function nextTile<T>(tiles: usize): usize {
  return sizeof<T>() == 2 ? <usize>load<u32>(tiles) : tiles;
}

/** 8 dimensions, four query vectors. */
function values4<T>(
  at: usize, record: usize, tiles: usize, column: usize, rowBytes: usize, weights: usize, end: usize,
): void {
  const bt = at + record, ct = bt + record, dt = ct + record, mask = halfBits;
  let a = evenSums<T>(at), b = oddSums<T>(at), c = evenSums<T>(bt), d = oddSums<T>(bt);
  let e = evenSums<T>(ct), f = oddSums<T>(ct), g = evenSums<T>(dt), h = oddSums<T>(dt);
  for (; weights < end; tiles += 4) {
    let values = nextTile<T>(tiles) + column;
    for (const tileEnd = min(end, weights + 64); weights < tileEnd; weights += 4) {
      const w = v128.load32_splat(weights), x = v128.load32_splat(weights, 2048);
      const y = v128.load32_splat(weights, 4096), z = v128.load32_splat(weights, 6144);
      const v = v128.load(values), odd = oddOnes<T>(v, values, mask);
      b = f32x4.relaxed_madd(odd, w, b); d = f32x4.relaxed_madd(odd, x, d);
      f = f32x4.relaxed_madd(odd, y, f); h = f32x4.relaxed_madd(odd, z, h);
      const even = evenOnes<T>(v, mask);
      a = f32x4.relaxed_madd(even, w, a); c = f32x4.relaxed_madd(even, x, c);
      e = f32x4.relaxed_madd(even, y, e); g = f32x4.relaxed_madd(even, z, g);
      values += rowBytes;
    }
  }
  storeInOrder<T>(at, a, b);
  storeInOrder<T>(bt, c, d);
  storeInOrder<T>(ct, e, f);
  storeInOrder<T>(dt, g, h);
}

/** 8 dimensions, three query vectors. */
function values3<T>(
  at: usize, record: usize, tiles: usize, column: usize, rowBytes: usize, weights: usize, end: usize,
): void {
  const bt = at + record, ct = bt + record, mask = halfBits;
  let a = evenSums<T>(at), b = oddSums<T>(at), c = evenSums<T>(bt), d = oddSums<T>(bt);
  let e = evenSums<T>(ct), f = oddSums<T>(ct);
  for (; weights < end; tiles += 4) {
    let values = nextTile<T>(tiles) + column;
    for (const tileEnd = min(end, weights + 64); weights < tileEnd; weights += 4) {
      const x = v128.load32_splat(weights), y = v128.load32_splat(weights, 2048), z = v128.load32_splat(weights, 4096);
      const v = v128.load(values), odd = oddOnes<T>(v, values, mask);
      b = f32x4.relaxed_madd(odd, x, b); d = f32x4.relaxed_madd(odd, y, d); f = f32x4.relaxed_madd(odd, z, f);
      const even = evenOnes<T>(v, mask);
      a = f32x4.relaxed_madd(even, x, a); c = f32x4.relaxed_madd(even, y, c); e = f32x4.relaxed_madd(even, z, e);
      values += rowBytes;
    }
  }
  storeInOrder<T>(at, a, b);
  storeInOrder<T>(bt, c, d);
  storeInOrder<T>(ct, e, f);
}

/** 16 dimensions of one query vector. */
function values1<T>(at: usize, tiles: usize, column: usize, rowBytes: usize, weights: usize, end: usize): void {
  const mask = halfBits;
  let a = evenSums<T>(at), b = oddSums<T>(at), c = evenSums<T>(at + 32), d = oddSums<T>(at + 32);
  for (; weights < end; tiles += 4) {
    let values = nextTile<T>(tiles) + column;
    for (const tileEnd = min(end, weights + 64); weights < tileEnd; weights += 4) {
      const x = v128.load32_splat(weights), second = values + 8 * sizeof<T>();
      const v = v128.load(values), w = v128.load(second);
      a = f32x4.relaxed_madd(evenOnes<T>(v, mask), x, a);
      b = f32x4.relaxed_madd(oddOnes<T>(v, values, mask), x, b);
      c = f32x4.relaxed_madd(evenOnes<T>(w, mask), x, c);
      d = f32x4.relaxed_madd(oddOnes<T>(w, second, mask), x, d);
      values += rowBytes;
    }
  }
  storeInOrder<T>(at, a, b);
  storeInOrder<T>(at + 32, c, d);
}

/** 4 of the remaining dimensions, in a tile in f32. */
function restOfRows(
  at: usize, record: usize, values: usize, rowBytes: usize, weights: usize, end: usize, numVectors: u32,
): void {
  for (let v: u32 = 0; v < numVectors; v++) {
    let a = v128.load(at), value = values;
    for (let weight = weights; weight < end; weight += 4) {
      a = f32x4.relaxed_madd(v128.load(value), v128.load32_splat(weight), a);
      value += rowBytes;
    }
    v128.store(at, a);
    at += record;
    weights += scoreRowBytes;
    end += scoreRowBytes;
  }
}
