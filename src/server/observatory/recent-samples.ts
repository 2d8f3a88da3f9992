/** @module The counters of an engine once a second over the last minute: what rates and shares are differences of. */
import type { InstanceRates, InstanceSteps } from "../../api/admin/observatory/index.ts";
import type { BindingLimit } from "../../core/observation/binding-limit.ts";
import type { EngineObservation } from "../../core/observation/engine-observation.ts";
import type { BoundTime } from "./limits/binding-report.ts";

export interface Sample {
  readonly atMs: number;
  readonly observation: EngineObservation;
}

const mostSamples = 62;
export const minuteMs = 60_000;
/** Rates are means over about this long: short enough to be "now", long enough not to flicker. */
const rateMs = 3000;

export class RecentSamples {
  readonly #samples: Sample[] = [];

  add(sample: Sample): void {
    this.#samples.push(sample);
    if (this.#samples.length > mostSamples) this.#samples.shift();
  }

  /** The oldest sample that is at most this old; null where there is none. */
  since(nowMs: number, mostAgeMs: number): Sample | null {
    return this.#samples.find(({ atMs }) => nowMs - atMs <= mostAgeMs && atMs < nowMs) ?? null;
  }
}

export function ratesBetween(samples: RecentSamples, now: Sample, overMs = rateMs): InstanceRates | null {
  const before = samples.since(now.atMs, overMs);
  if (before === null) return null;
  const seconds = (now.atMs - before.atMs) / 1000;
  const [older, newer] = [before.observation.stats, now.observation.stats];
  const grown = (name: Exclude<keyof typeof newer, "kvCacheUsage">): number => newer[name] - older[name];
  const numQueried = grown("numPrefixQueryTokens");
  return {
    seconds,
    promptTokensPerSecond: grown("numPromptTokens") / seconds,
    cachedPromptTokensPerSecond: grown("numCachedPromptTokens") / seconds,
    generatedTokensPerSecond: grown("numGenerationTokens") / seconds,
    stepsPerSecond: grown("numSteps") / seconds,
    preemptionsPerSecond: grown("numPreemptions") / seconds,
    prefixHitRate: numQueried === 0 ? null : grown("numPrefixHitTokens") / numQueried,
  };
}

/** null: no step ended in the time. */
export function stepsBetween(samples: RecentSamples, now: Sample): InstanceSteps | null {
  const before = samples.since(now.atMs, rateMs);
  if (before === null) return null;
  const [older, newer] = [before.observation.steps, now.observation.steps];
  const numSteps = newer.numSteps - older.numSteps;
  if (numSteps === 0) return null;
  const mean = (name: keyof typeof newer): number => (newer[name] - older[name]) / numSteps;
  const meanMs = mean("totalMs");
  const [schedule, kernels, barriers] = [mean("scheduleMs"), mean("kernelMs"), mean("barrierMs")];
  return {
    seconds: (now.atMs - before.atMs) / 1000,
    numSteps,
    meanMs,
    parts: [
      { name: "schedule", meanMs: schedule },
      { name: "kernels", meanMs: kernels },
      { name: "barriers", meanMs: barriers },
      { name: "other", meanMs: Math.max(0, meanMs - schedule - kernels - barriers) },
    ],
    meanTokens: mean("numTokens"),
    meanPredictedMs: mean("predictedMs"),
    meanRelativeError: mean("relativeError"),
  };
}

/** Of the last minute; null before the second sample. */
export function boundTimeBetween(samples: RecentSamples, now: Sample): BoundTime | null {
  const before = samples.since(now.atMs, minuteMs);
  if (before === null) return null;
  const limitMs = { ...now.observation.limitMs };
  for (const limit of Object.keys(limitMs) as BindingLimit[])
    limitMs[limit] -= before.observation.limitMs[limit];
  return { windowMs: now.atMs - before.atMs, limitMs };
}
