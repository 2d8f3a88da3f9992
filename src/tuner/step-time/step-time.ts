/**
 * @module The time of a step as a function of its quantities, fitted to steps that were measured on this machine.
 *
 *   ms = c + Σ slope_k · (tokens between knots k and k + 1) + a · sequences + b · outputs + d · attended by decodes
 *          + e · shared by decodes + f · attended by prompts, all coefficients at least 0
 *
 * A matrix is read once for few tokens and multiplied longer for many, so the time over tokens is a line with bends, not
 * one straight line. Decodes read each key for one token, a chunk of a prompt for many, so their attention has two prices.
 */
import type { StepQuantities } from "../../core/generation.ts";

export interface MeasuredStep extends StepQuantities {
  readonly ms: number;
}

export interface StepTime {
  readonly ms: (step: StepQuantities) => number;
  /** Where the figures come from, for people. */
  readonly origin: string;
  /** Median of |predicted − measured| / measured of the steps that it was fitted to; null if none was measured. */
  readonly medianError: number | null;
  /** Largest step that was measured, in tokens; beyond it the last slope goes on. */
  readonly mostTokensMeasured: number | null;
}

const allKnots = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048] as const;
/** Attended positions in one unit, so that coefficients are of one order. */
const attendedPerUnit = 2048;
const numOtherFeatures = 6;
/** Steps that took this many times what the first fit says were interrupted by something else. */
const mostTimesPredicted = 3;
const leastMs = 0.001;
const numSweeps = 3000;

/** Bends below the largest measured step: beyond it the last slope goes on. */
function knotsFor(measured: readonly MeasuredStep[]): readonly number[] {
  const most = measured.reduce((largest, { numTokens }) => Math.max(largest, numTokens), 0);
  return allKnots.filter((knot, k) => k === 0 || knot < most);
}

function featuresOf(step: StepQuantities, knots: readonly number[]): number[] {
  const features = knots.map((knot, k) => {
    const end = knots[k + 1] ?? Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(step.numTokens, end) - knot);
  });
  return [
    ...features,
    1,
    step.numSequences,
    step.numOutputs,
    step.numAttendedByDecodes / attendedPerUnit,
    step.numSharedByDecodes / attendedPerUnit,
    step.numAttendedByPrompts / attendedPerUnit,
  ];
}

/** Needs at least one step. */
export function fitStepTime(measured: readonly MeasuredStep[], origin: string): StepTime {
  const knots = knotsFor(measured);
  const timeUnder = (coefficients: readonly number[], step: StepQuantities): number =>
    Math.max(leastMs, dot(coefficients, featuresOf(step, knots)));
  const leastSquares = (steps: readonly MeasuredStep[], unitMs: (step: MeasuredStep) => number): number[] =>
    nonNegativeLeastSquares(
      steps.map((step) => ({ features: featuresOf(step, knots), ms: step.ms, unitMs: unitMs(step) })),
      knots.length + numOtherFeatures,
    );
  const first = leastSquares(measured, ({ ms }) => ms);
  const undisturbed = measured.filter((step) => step.ms <= mostTimesPredicted * timeUnder(first, step));
  // Errors relative to the measured times would favor the fast steps of each size, and predict too little.
  const coefficients = leastSquares(undisturbed, (step) => timeUnder(first, step));
  const errors = measured
    .map((step) => Math.abs(timeUnder(coefficients, step) - step.ms) / step.ms)
    .sort((a, b) => a - b);
  return {
    ms: (step) => timeUnder(coefficients, step),
    origin,
    medianError: errors[Math.floor(errors.length / 2)] ?? 0,
    mostTokensMeasured: measured.reduce((most, { numTokens }) => Math.max(most, numTokens), 0),
  };
}

function dot(coefficients: readonly number[], features: readonly number[]): number {
  return features.reduce((sum, feature, i) => sum + (coefficients[i] ?? 0) * feature, 0);
}

interface Row {
  readonly features: readonly number[];
  readonly ms: number;
  /** An error of so many milliseconds counts as one. */
  readonly unitMs: number;
}

/**
 * Least squares with coefficients ≥ 0, by coordinate descent on the normal equations: a convex problem of at most 18
 * unknowns, so it has one minimum and descent finds it.
 */
function nonNegativeLeastSquares(rows: readonly Row[], numFeatures: number): number[] {
  const gram = Array.from({ length: numFeatures }, () => new Float64Array(numFeatures));
  const target = new Float64Array(numFeatures);
  for (const { features, ms, unitMs } of rows) {
    const scaled = features.map((feature) => feature / unitMs);
    for (let i = 0; i < numFeatures; i++) {
      const row = gram[i] as Float64Array;
      const left = scaled[i] as number;
      target[i] = (target[i] as number) + (left * ms) / unitMs;
      for (let j = 0; j < numFeatures; j++) row[j] = (row[j] as number) + left * (scaled[j] as number);
    }
  }
  const coefficients = new Array<number>(numFeatures).fill(0);
  for (let sweep = 0; sweep < numSweeps; sweep++)
    for (let i = 0; i < numFeatures; i++)
      coefficients[i] = descend(gram[i] as Float64Array, target[i] as number, coefficients, i);
  return coefficients;
}

function descend(row: Float64Array, target: number, coefficients: readonly number[], index: number): number {
  const own = row[index] as number;
  if (own === 0) return 0;
  let rest = target;
  for (let j = 0; j < row.length; j++)
    if (j !== index) rest -= (row[j] as number) * (coefficients[j] as number);
  return Math.max(0, rest / own);
}
