/** @module `GET /admin/prefix-cache/curve`: what the prefix cache would find with other pool sizes. */
import { z } from "zod";

const pointSchema = z.object({
  numBlocks: z.number(),
  bytes: z.number(),
  /** Share of the prompt tokens looked up, 0 to 1. */
  hitRate: z.number(),
});

/** What a snapshot has of the curve: all but its points. */
export const curveSummarySchema = z.object({
  /** The pool as it is; the rate is the curve's. */
  here: pointSchema,
  /** Where the curve bends most: beyond it memory gains less than before it. null: it does not bend, or nothing is known. */
  knee: pointSchema.nullable(),
  /** Prompt tokens that it was learned from. */
  numQueryTokens: z.number(),
  /** Share of blocks that are followed: 1 where all are. */
  sampledShare: z.number(),
  /** What the next 100 MiB would save. */
  next: z.object({
    bytes: z.number(),
    numBlocks: z.number(),
    hitRateGain: z.number(),
    /** Milliseconds of prefill, in each second at the present rate of prompts; null: no prompt came lately. */
    prefillMsPerSecond: z.number().nullable(),
    /** A sentence for people. */
    sentence: z.string(),
  }),
});

const instanceCurveSchema = curveSummarySchema.extend({
  /** By size, ascending, up to four times the pool. */
  points: z.array(pointSchema),
});
export type InstanceCurve = z.infer<typeof instanceCurveSchema>;

export const prefixCurveSchema = z.object({
  schema: z.literal("pagoda.prefix-cache-curve/1"),
  /** Of the instances that report it, by their ids. */
  instances: z.record(z.string(), instanceCurveSchema),
});
export type PrefixCurveAnswer = z.infer<typeof prefixCurveSchema>;
