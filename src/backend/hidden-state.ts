/**
 * @module The hidden state of a token after the final norm, computed from what the body of a program leaves behind.
 *
 * The head normalizes output rows only, in a buffer that its next piece overwrites. The input of the final norm stays in
 * place for every token of the step, so that a state can be read without running the head.
 */
import type { Program } from "./program.ts";

export interface FinalNorm {
  /** The tokens buffer that holds hidden states before the norm. */
  readonly bufferId: number;
  readonly weightId: number;
  readonly eps: number;
  /** Numbers in a hidden state. */
  readonly width: number;
}

/** The norm with which the head of a program begins; null if it begins otherwise, which no architecture's does. */
export function finalNormOf({ head, buffers }: Program): FinalNorm | null {
  const [gather, norm] = head;
  if (gather?.kind !== "gatherOutputs" || norm?.kind !== "rmsNorm") return null;
  const { width } = buffers[gather.input] ?? { width: 0 };
  return { bufferId: gather.input, weightId: norm.weightId, eps: norm.eps, width };
}

/** out[i] = row[i] / sqrt(mean(row²) + eps) · weight[i]; all are [width]. Sums in float64. */
export function normalizeRow(row: Float32Array, weight: Float32Array, eps: number, out: Float32Array): void {
  let sumOfSquares = 0;
  for (const value of row) sumOfSquares += value * value;
  const scale = 1 / Math.sqrt(sumOfSquares / row.length + eps);
  for (let i = 0; i < row.length; i++) out[i] = (row[i] as number) * scale * (weight[i] as number);
}
