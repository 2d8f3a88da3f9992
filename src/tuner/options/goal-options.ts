/** @module The options that state a goal. */

import { PagodaError } from "../../core/errors.ts";
import { option } from "../../core/options/option.ts";
import type { Values } from "../../core/options/read-options.ts";
import {
  type Constraint,
  type Goal,
  type MetricName,
  metricNames,
  metricOf,
  parseConstraints,
  parseMetric,
  parseMilliseconds,
} from "../goal/goal.ts";

const group = "Goal:";

const latencyLimit = (metric: MetricName, what: string) =>
  option([`--${metric}`], {
    argument: "time",
    parse: parseMilliseconds,
    help: `${what} at most: 500ms`,
    group,
  });

export const goalOptions = {
  maximize: option<MetricName>(["--maximize"], {
    argument: "figure",
    parse: parseMetric,
    help: "tokens/s or requests/s (default tokens/s; with --rate or a trace with times, the least p99-e2e)",
    group,
  }),
  minimize: option<MetricName>(["--minimize"], {
    argument: "figure",
    parse: parseMetric,
    help: `any of ${metricNames.filter((name) => metricOf(name).better === "lower").join(", ")}`,
    group,
  }),
  subjectTo: option<readonly Constraint[]>(["--subject-to"], {
    argument: "limits",
    parse: parseConstraints,
    help: "limits with commas between them: p99-ttft<500ms,tokens/s>300",
    group,
  }),
  p50Ttft: latencyLimit("p50-ttft", "median time to the first token"),
  p90Ttft: latencyLimit("p90-ttft", "its 90th percentile"),
  p99Ttft: latencyLimit("p99-ttft", "its 99th percentile"),
  p99Itl: latencyLimit("p99-itl", "99th percentile of the time between tokens"),
  p99E2e: latencyLimit("p99-e2e", "99th percentile of the time to the last token"),
} as const;

const latencyKeys = {
  p50Ttft: "p50-ttft",
  p90Ttft: "p90-ttft",
  p99Ttft: "p99-ttft",
  p99Itl: "p99-itl",
  p99E2e: "p99-e2e",
} as const satisfies Partial<Record<keyof typeof goalOptions, MetricName>>;

/** @param isTimed of a load whose requests come at times of their own: its tokens a second are the load's, not the setting's */
export function goalFrom(values: Values<typeof goalOptions>, isTimed: boolean): Goal {
  const { maximize, minimize } = values;
  if (maximize !== null && minimize !== null)
    throw new PagodaError("invalid_option", `${maximize.why} and ${minimize.why} are two goals.`, {
      hint: "Give one of them, and the other one as a limit with --subject-to.",
    });
  for (const [stated, better] of [
    [maximize, "higher"],
    [minimize, "lower"],
  ] as const)
    if (stated !== null && metricOf(stated.value).better !== better)
      throw new PagodaError("invalid_option", `${stated.why} would make it worse.`, {
        hint: `Write ${stated === maximize ? "--minimize" : "--maximize"} ${stated.value}.`,
      });
  const shorthands = Object.entries(latencyKeys).flatMap(([key, metric]) => {
    const limit = values[key as keyof typeof latencyKeys];
    return limit === null ? [] : [{ metric, limit: limit.value }];
  });
  return {
    objective: (maximize ?? minimize)?.value ?? (isTimed ? "p99-e2e" : "tokens/s"),
    constraints: [...shorthands, ...(values.subjectTo?.value ?? [])],
  };
}
