/** @module What a setting should be good at: one figure to improve, and limits that others must keep. */
import { formatBytes, parseByteSize } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import type { LoadFigures } from "../traffic/figures.ts";

/** What a setting came to under a load. */
export interface Outcome {
  readonly figures: LoadFigures;
  /** That the setting takes by its plan. */
  readonly memoryBytes: number;
}

interface Metric {
  readonly better: "higher" | "lower";
  readonly of: (outcome: Outcome) => number;
  readonly unit: "ms" | "bytes" | "perSecond";
}

const latency = (of: (figures: LoadFigures) => number): Metric => ({
  better: "lower",
  of: ({ figures }) => of(figures),
  unit: "ms",
});

export const metrics = {
  "tokens/s": { better: "higher", of: ({ figures }) => figures.outputTokensPerSecond, unit: "perSecond" },
  "requests/s": { better: "higher", of: ({ figures }) => figures.requestsPerSecond, unit: "perSecond" },
  "p50-ttft": latency(({ p50TtftMs }) => p50TtftMs),
  "p90-ttft": latency(({ p90TtftMs }) => p90TtftMs),
  "p99-ttft": latency(({ p99TtftMs }) => p99TtftMs),
  "p50-itl": latency(({ p50ItlMs }) => p50ItlMs),
  "p99-itl": latency(({ p99ItlMs }) => p99ItlMs),
  "p99-e2e": latency(({ p99EndToEndMs }) => p99EndToEndMs),
  memory: { better: "lower", of: ({ memoryBytes }) => memoryBytes, unit: "bytes" },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof metrics;
export const metricNames = Object.keys(metrics) as readonly MetricName[];

export interface Constraint {
  readonly metric: MetricName;
  readonly limit: number;
}

export interface Goal {
  readonly objective: MetricName;
  readonly constraints: readonly Constraint[];
}

export function metricOf(name: MetricName): Metric {
  return metrics[name];
}

export function figureOf(name: MetricName, outcome: Outcome): number {
  return metricOf(name).of(outcome);
}

/** Sum over the constraints of how far each is missed, as a share of its limit; 0: all hold. */
export function violationOf(goal: Goal, outcome: Outcome): number {
  return goal.constraints.reduce((sum, constraint) => sum + excessOf(constraint, outcome), 0);
}

function excessOf({ metric, limit }: Constraint, outcome: Outcome): number {
  const value = figureOf(metric, outcome);
  const excess = metricOf(metric).better === "lower" ? value / limit - 1 : limit / value - 1;
  return Math.max(0, excess);
}

/** Below 0: `one` serves the goal better. Limits come first, then the figure to improve. */
export function compareOutcomes(goal: Goal, one: Outcome, other: Outcome): number {
  const byViolation = violationOf(goal, one) - violationOf(goal, other);
  if (byViolation !== 0) return byViolation;
  const [a, b] = [figureOf(goal.objective, one), figureOf(goal.objective, other)];
  return metricOf(goal.objective).better === "lower" ? a - b : b - a;
}

/** `p99-ttft<500ms`, `tokens/s>=300`, several with commas between them. */
export function parseConstraints(text: string): readonly Constraint[] {
  return text.split(",").map((part) => {
    const match = /^\s*([a-z0-9/-]+)\s*(<=?|>=?|=)\s*(\S+)\s*$/i.exec(part);
    const metric = parseMetric(match?.[1] ?? part);
    if (match === null) throw notALimit(part);
    const isUpper = (match[2] ?? "").startsWith("<");
    if (match[2] !== "=" && isUpper !== (metricOf(metric).better === "lower"))
      throw new PagodaError(
        "invalid_option",
        `'${part.trim()}' limits ${metric} on the side on which it is good.`,
        { hint: `Write ${metric}${isUpper ? ">" : "<"}${match[3]}.` },
      );
    return { metric, limit: parseLimit(metric, match[3] ?? "") };
  });
}

function notALimit(text: string): PagodaError {
  return new PagodaError("invalid_option", `'${text.trim()}' is not a limit.`, {
    hint: "Write a figure and its limit, such as p99-ttft<500ms or tokens/s>300.",
  });
}

export function parseMetric(text: string): MetricName {
  const name = metricNames.find((candidate) => candidate === text.trim().toLowerCase());
  if (name !== undefined) return name;
  throw new PagodaError("invalid_option", `'${text.trim()}' is not a figure of a load.`, {
    hint: `The figures are ${metricNames.join(", ")}.`,
  });
}

function parseLimit(metric: MetricName, text: string): number {
  const { unit } = metricOf(metric);
  if (unit === "ms") return parseMilliseconds(text);
  if (unit === "bytes") return parseByteSize(text);
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value > 0)) throw notALimit(text);
  return value;
}

/** `500ms`, `0.5s`, `500`. */
export function parseMilliseconds(text: string): number {
  const match = /^\s*(\d*\.?\d+)\s*(ms|s)?\s*$/i.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) * (match[2]?.toLowerCase() === "s" ? 1000 : 1);
  if (value > 0) return value;
  throw new PagodaError("invalid_option", `'${text}' is not a time.`, {
    hint: "Write milliseconds or seconds, such as 500ms or 0.5s.",
  });
}

export function describeValue(metric: MetricName, value: number): string {
  const { unit } = metricOf(metric);
  if (unit === "bytes") return formatBytes(value);
  if (!Number.isFinite(value)) return "–";
  if (unit === "ms") return value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${shortNumber(value)} ms`;
  return shortNumber(value);
}

function shortNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

/** `most tokens/s with p99-ttft at most 500 ms` */
export function describeGoal({ objective, constraints }: Goal): string {
  const limits = constraints.map(
    ({ metric, limit }) =>
      `${metric} at ${metricOf(metric).better === "lower" ? "most" : "least"} ${describeValue(metric, limit)}`,
  );
  const aim = `${metricOf(objective).better === "higher" ? "most" : "least"} ${objective}`;
  return limits.length === 0 ? aim : `${aim} with ${limits.join(" and ")}`;
}
