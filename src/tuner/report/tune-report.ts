/** @module What a tuning run found, as data: the JSON report, from which the other two are written. */
import { arch, cpus, platform, totalmem } from "node:os";
import { formatBytes } from "../../core/byte-size.ts";
import type { BindingLimit } from "../../core/observation/binding-limit.ts";
import {
  describeGoal,
  describeValue,
  figureOf,
  type Goal,
  type MetricName,
  metricOf,
  type Outcome,
} from "../goal/goal.ts";
import { type Comparison, confidence, medianOf } from "../search/paired-comparison.ts";
import type { Duel, Trial } from "../search/tournament.ts";

/** Of a setting: flags that differ from the present one, empty for the present one. */
export interface ReportedSetting {
  readonly flags: string;
  /** Medians over its comparison trials. */
  readonly medians: Readonly<Partial<Record<MetricName, number>>>;
  /** Smallest and largest of its comparison trials. */
  readonly ranges: Readonly<Partial<Record<MetricName, readonly [number, number]>>>;
  /** Shares of the time of its steps by what bound them, the largest first; null: not reported by this engine. */
  readonly limits: readonly (readonly [BindingLimit, number])[] | null;
}

export interface TuneReport {
  readonly schema: "pagoda.tuning/1";
  readonly createdAt: string;
  readonly pagodaVersion: string;
  readonly nodeVersion: string;
  readonly machine: string;
  readonly engine: string;
  readonly model: string;
  /** To repeat the run. */
  readonly command: string;
  readonly goal: Goal;
  readonly goalText: string;
  readonly load: string;
  readonly isTimed: boolean;
  /** null: this engine was not simulated. */
  readonly stepTimes: { readonly origin: string; readonly medianError: number | null } | null;
  readonly simulated: readonly {
    readonly flags: string;
    readonly predicted: Outcome;
    readonly numEqual: number;
  }[];
  readonly numPruned: number;
  readonly prunedReasons: readonly { readonly flags: string; readonly reason: string }[];
  readonly trials: readonly Trial[];
  readonly duels: readonly Duel[];
  readonly present: ReportedSetting;
  readonly winner: ReportedSetting | null;
  /** The command of the winner, or of the present setting where nothing is better. */
  readonly serveCommand: string;
  /** Whole sentences. */
  readonly verdict: string;
  readonly notes: readonly string[];
}

export interface ReportFacts
  extends Pick<
    TuneReport,
    | "pagodaVersion"
    | "engine"
    | "model"
    | "command"
    | "goal"
    | "load"
    | "isTimed"
    | "stepTimes"
    | "simulated"
    | "trials"
    | "duels"
    | "serveCommand"
  > {
  readonly pruned: readonly { readonly flags: string; readonly reason: string }[];
  /** null: nothing is better. */
  readonly winnerFlags: string | null;
}

const mostPrunedReasons = 20;
/** Below so many requests a P99 is one of the slowest few. */
const enoughForP99 = 1000;
export const reportedMetrics: readonly MetricName[] = [
  "tokens/s",
  "p50-ttft",
  "p99-ttft",
  "p50-itl",
  "p99-itl",
  "p99-e2e",
];

export function tuneReport(facts: ReportFacts): TuneReport {
  const { pruned, winnerFlags, ...rest } = facts;
  return {
    schema: "pagoda.tuning/1",
    createdAt: new Date().toISOString(),
    nodeVersion: process.version,
    machine: `${cpus()[0]?.model.trim() ?? arch()}, ${cpus().length} processors, ${formatBytes(totalmem())}, ${platform()}`,
    ...rest,
    goalText: describeGoal(facts.goal),
    numPruned: pruned.length,
    prunedReasons: pruned.slice(0, mostPrunedReasons),
    present: settingOf("", facts),
    winner: winnerFlags === null ? null : settingOf(winnerFlags, facts),
    verdict: verdictOf(facts),
    notes: notesOf(facts),
  };
}

function settingOf(flags: string, { trials }: ReportFacts): ReportedSetting {
  const own = trials.filter((trial) => trial.flags === flags && trial.phase === "comparison");
  const outcomes = own.map(({ outcome }) => outcome);
  const figures = reportedMetrics.map((metric) => {
    const values = outcomes.map((outcome) => figureOf(metric, outcome));
    return [metric, medianOf(metric, outcomes), [Math.min(...values), Math.max(...values)]] as const;
  });
  return {
    flags,
    medians: Object.fromEntries(figures.map(([metric, value]) => [metric, value])),
    ranges: Object.fromEntries(figures.map(([metric, , range]) => [metric, range])),
    limits: limitsOf(own),
  };
}

function limitsOf(trials: readonly Trial[]): ReportedSetting["limits"] {
  const sums = new Map<BindingLimit, number>();
  for (const { limitMs } of trials)
    for (const [name, ms] of Object.entries(limitMs ?? {}) as [BindingLimit, number][])
      sums.set(name, (sums.get(name) ?? 0) + ms);
  const total = [...sums.values()].reduce((sum, ms) => sum + ms, 0);
  if (total === 0) return null;
  return [...sums]
    .map(([name, ms]) => [name, ms / total] as const)
    .filter(([, share]) => share > 0)
    .sort(([, a], [, b]) => b - a);
}

function verdictOf({ goal, duels, winnerFlags, trials }: ReportFacts): string {
  const last = duels.at(-1);
  if (last === undefined) return "Nothing was compared: no other setting fits.";
  const reached = (holds: boolean): string =>
    goal.constraints.length === 0
      ? ""
      : holds
        ? " It keeps every limit."
        : " It does not keep every limit: no setting that was tried does.";
  if (winnerFlags === null)
    return `No setting is better than the present one beyond noise: ${duels
      .map(({ flags, comparison }) => `${flags} gained ${gainText(comparison)}`)
      .join("; ")}.${reached(last.comparison.presentHolds)}`;
  const of = (flags: string): string => {
    const outcomes = trials
      .filter((trial) => trial.flags === flags && trial.phase === "comparison")
      .map(({ outcome }) => outcome);
    return describeValue(goal.objective, medianOf(goal.objective, outcomes));
  };
  return `${winnerFlags} is better: it gained ${gainText(last.comparison)}; ${goal.objective} ${of("")} before and ${of(winnerFlags)} after.${reached(last.comparison.challengerHolds)}`;
}

export function gainText({ gain, numRounds, of }: Comparison): string {
  const percent = (value: number): string =>
    Number.isFinite(value) ? `${value >= 0 ? "+" : "−"}${Math.abs(100 * value).toFixed(1)} %` : "unknown";
  const unit = of === "objective" ? "" : " of the limits";
  return `${percent(gain.mean)}${unit} (${100 * confidence} % interval ${percent(gain.low)} to ${percent(gain.high)}, ${numRounds} rounds)`;
}

function notesOf({ trials, goal, isTimed, duels, engine }: ReportFacts): string[] {
  const notes: string[] = [
    "The figures hold for this load and this machine; another distribution of lengths has another optimum.",
    "Only rounds that were measured in turns decide; the screening's figures are of single trials.",
  ];
  const numRequests = Math.min(...trials.map(({ figures }) => figures.numRequests));
  const isAbout99 = [goal.objective, ...goal.constraints.map(({ metric }) => metric)].some((name) =>
    /^p99-(ttft|e2e)/.test(name),
  );
  if (isAbout99 && numRequests < enoughForP99)
    notes.push(
      `A trial has ${numRequests} requests, so its P99 is the time of one of the slowest ${Math.max(1, Math.ceil(numRequests / 100)) + 1}; a limit on p90-ttft is steadier.`,
    );
  const numSaturated = trials.filter((trial) => trial.isSaturated).length;
  if (isTimed && numSaturated > 0)
    notes.push(
      `In ${numSaturated} trials requests came faster than they were served: their latencies grow with the length of the trial.`,
    );
  const numDisturbed = duels.reduce((sum, duel) => sum + duel.numDisturbed, 0);
  if (numDisturbed > 0)
    notes.push(
      `${numDisturbed} rounds were not counted: other programs took more of the machine in one half than in the other.`,
    );
  const shares = trials.flatMap(({ otherCpuShare }) => (otherCpuShare === null ? [] : [otherCpuShare]));
  if (shares.length > 0 && Math.max(...shares) > 0.1)
    notes.push(
      `Other programs took up to ${Math.round(100 * Math.max(...shares))} % of the processors during trials.`,
    );
  if (trials.some(({ flags }) => /kv-cache-dtype|quantization/.test(flags)))
    notes.push("Other numbers for keys, values or weights change texts; the tuner does not judge them.");
  if (engine === "pagoda")
    notes.push(
      "Trials ran in the tuner's own process, without HTTP; a server adds its own part to each latency.",
    );
  return notes;
}

/** Outcomes that no other one beats in both figures, by the first figure. */
export function paretoFront<T extends { readonly outcome: Outcome }>(
  points: readonly T[],
  [x, y]: readonly [MetricName, MetricName],
): readonly T[] {
  const isBetter = (metric: MetricName, a: T, b: T): number => {
    const difference = figureOf(metric, a.outcome) - figureOf(metric, b.outcome);
    return metricOf(metric).better === "higher" ? difference : -difference;
  };
  return points
    .filter(
      (point) =>
        !points.some(
          (other) =>
            isBetter(x, other, point) >= 0 &&
            isBetter(y, other, point) >= 0 &&
            isBetter(x, other, point) + isBetter(y, other, point) > 0,
        ),
    )
    .sort((a, b) => figureOf(x, a.outcome) - figureOf(x, b.outcome));
}

/** The two figures of the Pareto plot: what is improved, and what is limited (or the latency that pays for it). */
export function plottedMetrics(goal: Goal): readonly [MetricName, MetricName] {
  const isLatency = metricOf(goal.objective).unit === "ms";
  const limited = goal.constraints.find(({ metric }) => metric !== goal.objective)?.metric;
  if (limited !== undefined) return isLatency ? [limited, goal.objective] : [goal.objective, limited];
  return isLatency ? ["tokens/s", goal.objective] : [goal.objective, "p99-ttft"];
}
