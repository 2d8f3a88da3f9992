/**
 * @module The rounding of keys and values in each KV dtype.
 *
 *   exact   none; for comparisons with float32 models
 *   f16     each number to the nearest half
 *   int8    per token and head: min = f16(min x), scale = f16((max x − min) / 255), q = (x − min) / scale rounded to the
 *           nearest whole number (ties to even) in [0, 255]; x → scale·q + min. All in f32.
 *   int4    the same with 15 steps, after rotating the head by a Hadamard matrix (and back when it is read). The matrix spreads an
 *           outlier over all dimensions, which more than halves the error. It acts on blocks of 2^k columns, the largest power
 *           of two that divides headDim, and is normalized to be its own inverse. Then scale and minimum are fitted to q by
 *           least squares, and q is computed again from them.
 */
import type { KvDtype } from "../../core/kv-layout.ts";

export type KvPrecision = KvDtype | "exact";

/** The numbers that are read back from a cache of that precision after storing `vector`. */
export function roundedVector(vector: Float32Array, precision: KvPrecision): Float32Array {
  switch (precision) {
    case "exact":
      return vector;
    case "f16":
      return vector.map((x) => Math.f16round(x));
    case "int8":
      return stepped(vector, rangeOf(vector, 255), 255);
    case "int4":
      return hadamard(int4AndBack(hadamard(vector)));
  }
}

/** x ≈ scale·q + min */
interface Steps {
  readonly scale: number;
  readonly min: number;
}

/** x = scale·q + min, both rounded to f16. */
interface Steps {
  readonly scale: number;
  readonly min: number;
}

function rangeOf(vector: Float32Array, numSteps: number): Steps {
  const min = Math.f16round(Math.min(...vector));
  return { min, scale: Math.f16round(Math.fround(Math.max(...vector) - min) / numSteps) };
}

function int4AndBack(vector: Float32Array): Float32Array {
  const range = rangeOf(vector, 15);
  return stepped(vector, leastSquares(vector, quantized(vector, range, 15)) ?? range, 15);
}

/** The line through the points (q, x); null where all q are equal. */
function leastSquares(vector: Float32Array, q: Float32Array): Steps | null {
  let [sumQ, sumQq, sumX, sumQx] = [0, 0, 0, 0];
  vector.forEach((x, i) => {
    const step = q[i] ?? 0;
    sumQ += step;
    sumQq += step * step;
    sumX += x;
    sumQx += step * x;
  });
  const determinant = vector.length * sumQq - sumQ * sumQ;
  if (determinant <= 0) return null;
  const scale = (vector.length * sumQx - sumQ * sumX) / determinant;
  return { scale: Math.f16round(scale), min: Math.f16round((sumX - scale * sumQ) / vector.length) };
}

function stepped(vector: Float32Array, steps: Steps, numSteps: number): Float32Array {
  return quantized(vector, steps, numSteps).map((q) => steps.scale * q + steps.min);
}

function quantized(vector: Float32Array, { scale, min }: Steps, numSteps: number): Float32Array {
  if (scale === 0) return new Float32Array(vector.length);
  return vector.map((x) => {
    const q = nearestEven(Math.fround(Math.fround(x - min) / scale));
    return Math.min(Math.max(q, 0), numSteps);
  });
}

function nearestEven(x: number): number {
  const below = Math.floor(x);
  const isTie = x - below === 0.5;
  return isTie ? below + (below % 2) : Math.round(x);
}

/** Walsh–Hadamard transform of each block of 2^k columns, divided by √2^k. */
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
