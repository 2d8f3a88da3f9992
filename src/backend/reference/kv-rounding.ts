/**
 * @module What storing a key or value in each KV dtype does to it.
 *
 *   exact   nothing; for comparisons with float32 models
 *   f16     each number to the nearest half
 *   int8    per token and head: min = f16(min x), scale = f16((max x − min) / 255), q = (x − min) / scale rounded to the
 *           nearest whole number (ties to even) in [0, 255]; x → scale·q + min. All in f32.
 *   int4    the same with 15 steps, after turning the head by a Hadamard matrix (and back when read): H spreads an outlier
 *           over all dimensions, which more than halves the loss. H acts on runs of 2^k columns, the largest power of two
 *           that divides headDim, normalised to be its own inverse.
 */
import type { KvDtype } from "../../core/kv-layout.ts";

export type KvPrecision = KvDtype | "exact";

/** The numbers that reading `vector` back from a cache of that precision gives. */
export function roundedVector(vector: Float32Array, precision: KvPrecision): Float32Array {
  switch (precision) {
    case "exact":
      return vector;
    case "f16":
      return vector.map((x) => Math.f16round(x));
    case "int8":
      return quantisedAndBack(vector, 255);
    case "int4":
      return hadamard(quantisedAndBack(hadamard(vector), 15));
  }
}

function quantisedAndBack(vector: Float32Array, numSteps: number): Float32Array {
  const min = Math.f16round(Math.min(...vector));
  const scale = Math.f16round(Math.fround(Math.max(...vector) - min) / numSteps);
  return vector.map((x) => {
    const q = scale === 0 ? 0 : nearestEven(Math.fround(Math.fround(x - min) / scale));
    return scale * Math.min(Math.max(q, 0), numSteps) + min;
  });
}

function nearestEven(x: number): number {
  const below = Math.floor(x);
  const isTie = x - below === 0.5;
  return isTie ? below + (below % 2) : Math.round(x);
}

/** Walsh–Hadamard transform of each run of 2^k columns, divided by √2^k. */
export function hadamard(vector: Float32Array): Float32Array {
  const out = Float32Array.from(vector);
  const runWidth = out.length & -out.length;
  for (let half = 1; half < runWidth; half *= 2)
    for (let i = 0; i < out.length; i++)
      if ((i & half) === 0) {
        const [a, b] = [out[i] ?? 0, out[i + half] ?? 0];
        out[i] = a + b;
        out[i + half] = a - b;
      }
  return out.map((x) => x / Math.sqrt(runWidth));
}
