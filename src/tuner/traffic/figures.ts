/** @module What a load came to, in virtual or in real time. */
import { percentile } from "../../core/statistics.ts";

export interface RequestTimes {
  readonly arrivedMs: number;
  readonly firstTokenMs: number;
  readonly finishedMs: number;
  readonly interTokenMs: readonly number[];
  readonly numOutputTokens: number;
}

/** Seconds, tokens a second, milliseconds; quantiles are of all requests, those of inter-token times of all gaps. */
export interface LoadFigures {
  readonly numRequests: number;
  readonly seconds: number;
  readonly outputTokensPerSecond: number;
  readonly requestsPerSecond: number;
  readonly p50TtftMs: number;
  readonly p90TtftMs: number;
  readonly p99TtftMs: number;
  readonly p50ItlMs: number;
  readonly p99ItlMs: number;
  /** From arrival to the last token. */
  readonly p99EndToEndMs: number;
  readonly numPreemptions: number;
  /** Share of prompt tokens that the prefix cache had; 0 without any prompt token. */
  readonly prefixHitRate: number;
}

export function figuresOf(
  requests: readonly RequestTimes[],
  counts: {
    readonly numPreemptions: number;
    readonly numQueryTokens: number;
    readonly numHitTokens: number;
    /** The time at which the load began. */
    readonly startedMs: number;
  },
): LoadFigures {
  const ttfts = requests.map(({ arrivedMs, firstTokenMs }) => firstTokenMs - arrivedMs);
  const gaps = requests.flatMap(({ interTokenMs }) => interTokenMs);
  const endedMs = requests.reduce((last, { finishedMs }) => Math.max(last, finishedMs), counts.startedMs);
  const seconds = (endedMs - counts.startedMs) / 1000;
  const numTokens = requests.reduce((sum, { numOutputTokens }) => sum + numOutputTokens, 0);
  return {
    numRequests: requests.length,
    seconds,
    outputTokensPerSecond: numTokens / seconds,
    requestsPerSecond: requests.length / seconds,
    p50TtftMs: percentile(ttfts, 0.5),
    p90TtftMs: percentile(ttfts, 0.9),
    p99TtftMs: percentile(ttfts, 0.99),
    p50ItlMs: gaps.length === 0 ? 0 : percentile(gaps, 0.5),
    p99ItlMs: gaps.length === 0 ? 0 : percentile(gaps, 0.99),
    p99EndToEndMs: percentile(
      requests.map(({ arrivedMs, finishedMs }) => finishedMs - arrivedMs),
      0.99,
    ),
    numPreemptions: counts.numPreemptions,
    prefixHitRate: counts.numQueryTokens === 0 ? 0 : counts.numHitTokens / counts.numQueryTokens,
  };
}
