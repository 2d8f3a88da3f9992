/** @module The figures of an engine in this second, as its history keeps them. */
import { historyColumns } from "../../api/admin/observatory/index.ts";
import { hasNoDescriptors } from "../../core/observation/periodic.ts";
import type { InstanceRecord } from "./instance-view.ts";
import { ratesBetween, type Sample, stepsBetween } from "./recent-samples.ts";

/** The figures of this second, in the order of the columns. */
export function figuresNow({ samples, latencies }: InstanceRecord, sample: Sample): Float64Array {
  const { stats, blocks } = sample.observation;
  const rates = ratesBetween(samples, sample, 1500);
  const minute = latencies.window(60);
  const figures: Record<(typeof historyColumns)[number], number | null | undefined> = {
    generatedTokensPerSecond: rates?.generatedTokensPerSecond,
    promptTokensPerSecond: rates?.promptTokensPerSecond,
    numRunning: stats.numRunning,
    numWaiting: stats.numWaiting,
    kvCacheUsage: stats.kvCacheUsage,
    cachedShare: blocks.numCached / blocks.numTotal,
    prefixHitRate: rates?.prefixHitRate,
    preemptionsPerSecond: rates?.preemptionsPerSecond,
    stepMs: stepsBetween(samples, sample)?.meanMs,
    timeToFirstTokenP90Ms: minute.timeToFirstToken?.p90Ms,
    interTokenP90Ms: minute.interToken?.p90Ms,
    residentBytes: residentBytesNow(),
  };
  return Float64Array.from(historyColumns, (column) => figures[column] ?? Number.NaN);
}

/** null: this second it cannot be known, because the process may open no further file. */
function residentBytesNow(): number | null {
  try {
    return process.memoryUsage.rss();
  } catch (thrown) {
    if (hasNoDescriptors(thrown)) return null;
    throw thrown;
  }
}
