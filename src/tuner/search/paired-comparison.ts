/** @module Whether one setting serves a goal better than another, from rounds in which both were measured under the same load. */
import { median } from "../../core/statistics.ts";
import {
  type Constraint,
  figureOf,
  type Goal,
  type MetricName,
  metricOf,
  type Outcome,
  violationOf,
} from "../goal/goal.ts";

export interface Round {
  readonly present: Outcome;
  readonly challenger: Outcome;
}

export interface Comparison {
  readonly numRounds: number;
  /** What the gain is measured in: the figure to improve, or how far limits are missed. */
  readonly of: "objective" | "limits";
  /** Relative gain of the challenger, 0.1: a tenth better; mean over rounds with its interval. */
  readonly gain: { readonly mean: number; readonly low: number; readonly high: number };
  readonly presentHolds: boolean;
  readonly challengerHolds: boolean;
  readonly verdict: "better" | "not better" | "undecided";
}

/** Of the interval. A comparison looks after each round whether it can stop: with 95 % it would err too often. */
export const confidence = 0.98;
/** Of Student's distribution, 99 %, by degrees of freedom from 1. */
const tQuantiles = [31.821, 6.965, 4.541, 3.747, 3.365, 3.143, 2.998, 2.896, 2.821, 2.764] as const;
export const leastRounds = 3;
/** A gain that is surely below this is not worth a change. */
const leastGain = 0.02;

/** Needs at least one round. Both of a round saw the same requests, so what differs from round to round cancels out. */
export function compareRounds(goal: Goal, rounds: readonly Round[]): Comparison {
  const presentHolds = holds(
    goal,
    rounds.map(({ present }) => present),
  );
  const challengerHolds = holds(
    goal,
    rounds.map(({ challenger }) => challenger),
  );
  const of = presentHolds && challengerHolds ? "objective" : "limits";
  const gains = rounds.map((round) =>
    of === "objective" ? gainOf(goal.objective, round) : violationGain(goal, round),
  );
  const gain = meanWithInterval(gains);
  return {
    numRounds: rounds.length,
    of,
    gain,
    presentHolds,
    challengerHolds,
    verdict: verdictOf(gain, rounds.length, presentHolds && !challengerHolds),
  };
}

function verdictOf(
  gain: Comparison["gain"],
  numRounds: number,
  breaksLimits: boolean,
): Comparison["verdict"] {
  if (numRounds < leastRounds) return "undecided";
  if (breaksLimits) return "not better";
  if (gain.low > 0 && gain.mean >= leastGain) return "better";
  return gain.high < leastGain ? "not better" : "undecided";
}

/** Whether the medians keep every limit. */
function holds({ constraints }: Goal, outcomes: readonly Outcome[]): boolean {
  return constraints.every((constraint) => keeps(constraint, medianOf(constraint.metric, outcomes)));
}

function keeps({ metric, limit }: Constraint, value: number): boolean {
  return metricOf(metric).better === "lower" ? value <= limit : value >= limit;
}

export function medianOf(metric: MetricName, outcomes: readonly Outcome[]): number {
  return median(outcomes.map((outcome) => figureOf(metric, outcome)));
}

function gainOf(metric: MetricName, { present, challenger }: Round): number {
  const [before, after] = [figureOf(metric, present), figureOf(metric, challenger)];
  return metricOf(metric).better === "higher" ? after / before - 1 : before / after - 1;
}

/** By how much the limits are missed less, as a share of the limits. */
function violationGain(goal: Goal, { present, challenger }: Round): number {
  return violationOf(goal, present) - violationOf(goal, challenger);
}

export function meanWithInterval(values: readonly number[]): Comparison["gain"] {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const t = tQuantiles[Math.min(n - 1, tQuantiles.length) - 1] ?? 2;
  const half = t * Math.sqrt(variance / n);
  return { mean, low: mean - half, high: mean + half };
}
