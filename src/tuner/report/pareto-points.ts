/** @module What the Pareto plot of a run shows: simulated settings, trials, the front of the trials, and the limits of the goal. */
import { figureOf, type MetricName, type Outcome } from "../goal/goal.ts";
import { paretoFront, plottedMetrics, type TuneReport } from "./tune-report.ts";

export interface ParetoPoint {
  readonly flags: string;
  readonly kind: "simulated" | "trial" | "present" | "winner";
  readonly x: number;
  readonly y: number;
}

export interface ParetoPoints {
  readonly metrics: readonly [x: MetricName, y: MetricName];
  readonly points: readonly ParetoPoint[];
  readonly front: readonly { readonly x: number; readonly y: number }[];
  /** null: the goal has no limit on it. */
  readonly limits: readonly [x: number | null, y: number | null];
}

export function paretoPoints(report: TuneReport): ParetoPoints {
  const metrics = plottedMetrics(report.goal);
  const [x, y] = metrics;
  const at = (outcome: Outcome) => ({ x: figureOf(x, outcome), y: figureOf(y, outcome) });
  const simulated = report.simulated.map(({ flags, predicted }) => ({
    ...{ flags, kind: "simulated" as const },
    ...at(predicted),
  }));
  const trials = report.trials.map(({ flags, outcome }) => ({
    ...{ flags, kind: kindOf(report, flags) },
    ...at(outcome),
  }));
  return {
    metrics,
    points: [...simulated, ...trials],
    front: paretoFront(report.trials, metrics).map(({ outcome }) => at(outcome)),
    limits: [limitOf(report, x), limitOf(report, y)],
  };
}

export function kindOf({ winner }: TuneReport, flags: string): "trial" | "present" | "winner" {
  if (flags === "") return "present";
  return flags === winner?.flags ? "winner" : "trial";
}

function limitOf({ goal }: TuneReport, metric: MetricName): number | null {
  return goal.constraints.find((constraint) => constraint.metric === metric)?.limit ?? null;
}
