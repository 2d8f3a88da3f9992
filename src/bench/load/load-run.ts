/** @module Runs one load on one server and measures it. */

import { median, percentile } from "../../core/statistics.ts";
import { type CompletionTarget, type CompletionTimes, timeCompletion } from "./completion-client.ts";
import type { Load } from "./workload.ts";

export interface LoadResult {
  readonly load: string;
  readonly numCompleted: number;
  readonly numFailed: number;
  readonly outputTokensPerSecond: number;
  readonly medianTtftMs: number;
  readonly p99TtftMs: number;
  /** Per-request mean time of an output token after the first. */
  readonly medianTpotMs: number;
  readonly p99InterTokenMs: number;
  /** Prompt tokens that the server reports as cached; null if it reports none. */
  readonly numCachedTokens: number | null;
  readonly firstFailure: string | null;
}

/** Sends every prompt of the load with at most `maxConcurrency` requests at a time; failures are counted and not thrown. */
export async function runLoad(target: CompletionTarget, load: Load): Promise<LoadResult> {
  const finished: CompletionTimes[] = [];
  const failures: string[] = [];
  let next = 0;
  const startedMs = performance.now();
  const user = async (): Promise<void> => {
    for (let prompt = load.prompts[next++]; prompt !== undefined; prompt = load.prompts[next++]) {
      try {
        finished.push(await timeCompletion(target, prompt, load.numOutputTokens));
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: load.maxConcurrency }, user));
  return summarise(load.name, finished, failures, (performance.now() - startedMs) / 1000);
}

function summarise(
  load: string,
  finished: readonly CompletionTimes[],
  failures: readonly string[],
  seconds: number,
): LoadResult {
  const ttfts = finished.map((times) => times.ttftMs);
  const cached = finished.map((times) => times.numCachedTokens);
  return {
    load,
    numCompleted: finished.length,
    numFailed: failures.length,
    outputTokensPerSecond: finished.reduce((sum, times) => sum + times.numOutputTokens, 0) / seconds,
    medianTtftMs: median(ttfts),
    p99TtftMs: percentile(ttfts, 0.99),
    medianTpotMs: median(
      finished.map((times) => (times.totalMs - times.ttftMs) / Math.max(1, times.numOutputTokens - 1)),
    ),
    p99InterTokenMs: percentile(
      finished.flatMap((times) => times.interChunkMs),
      0.99,
    ),
    numCachedTokens: cached.includes(null)
      ? null
      : cached.reduce<number>((sum, numTokens) => sum + (numTokens ?? 0), 0),
    firstFailure: failures[0] ?? null,
  };
}
