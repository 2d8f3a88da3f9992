/** @module Latencies of the last 15 seconds and of the last 1, 5 and 15 minutes on the wire. All durations are milliseconds. */
import { z } from "zod";

const percentilesSchema = z.object({
  /** Observations in the window. */
  count: z.number(),
  p50Ms: z.number(),
  p90Ms: z.number(),
  p99Ms: z.number(),
});
export type Percentiles = z.infer<typeof percentilesSchema>;

/** null: nothing was observed in the window. */
export const latencyWindowSchema = z.object({
  seconds: z.number(),
  /** Arrival to first token. */
  timeToFirstToken: percentilesSchema.nullable(),
  /** Between two tokens of a sequence. */
  interToken: percentilesSchema.nullable(),
  /** Arrival to first step. */
  queue: percentilesSchema.nullable(),
  /** Arrival to end. */
  endToEnd: percentilesSchema.nullable(),
});
export type LatencyWindow = z.infer<typeof latencyWindowSchema>;
export type LatencyName = Exclude<keyof LatencyWindow, "seconds">;
export const latencyNames: readonly LatencyName[] = ["timeToFirstToken", "interToken", "queue", "endToEnd"];
/** The windows of a snapshot, in seconds. */
export const latencyWindowSeconds = [60, 300, 900] as const;
/** The window of `recentLatency`: short enough to follow a change of settings. */
export const recentWindowSeconds = 15;
