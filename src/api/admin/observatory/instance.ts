/** @module One instance in a snapshot: its memory, blocks, load, rates, steps and sequences. */
import { z } from "zod";
import { bindingLimitSchema } from "./binding-limit.ts";
import { latencyWindowSchema } from "./latency.ts";
import { curveSummarySchema } from "./prefix-curve.ts";
import { settingsStateSchema } from "./settings.ts";

const componentSchema = z.object({
  /** A name of `MemoryComponentName`: runtime, weights, workspace, kvPool, tables, … */
  name: z.string(),
  plannedBytes: z.number().nullable(),
  actualBytes: z.number().nullable(),
  evidence: z.enum(["exact", "measured", "estimated"]),
});

const instanceMemorySchema = z.object({
  /** Most bytes that it may use; null if only the pool was stated. */
  capBytes: z.number().nullable(),
  residentBytes: z.number(),
  peakResidentBytes: z.number(),
  components: z.array(componentSchema),
  /** The actual bytes of the component `runtime`, by what they are; empty where that is not known. */
  runtimeParts: z
    .array(z.object({ name: z.enum(["files", "heap", "native"]), bytes: z.number() }))
    .default([]),
});

const blockUseSchema = z.object({
  /** Tokens in a block. */
  blockSize: z.number(),
  bytesPerBlock: z.number(),
  /** free + cached + referenced + withheld = total. */
  numTotal: z.number(),
  numFree: z.number(),
  /** In the prefix cache alone: evictable. */
  numCached: z.number(),
  numReferenced: z.number(),
  /** Kept out of use by the setting maxNumBlocks. */
  numWithheld: z.number(),
});

/** Cumulative since the start of the instance; null: not reported. */
const totalsSchema = z.object({
  numPromptTokens: z.number(),
  /** Of these, from the prefix cache. */
  numCachedPromptTokens: z.number().nullable(),
  numGenerationTokens: z.number(),
  numSteps: z.number().nullable(),
  numPreemptions: z.number().nullable(),
  numPrefixQueryTokens: z.number().nullable(),
  numPrefixHitTokens: z.number().nullable(),
});

/** Means over `seconds` before the snapshot. */
const ratesSchema = z.object({
  seconds: z.number(),
  promptTokensPerSecond: z.number(),
  cachedPromptTokensPerSecond: z.number(),
  generatedTokensPerSecond: z.number(),
  /** null: not reported. */
  stepsPerSecond: z.number().nullable(),
  preemptionsPerSecond: z.number(),
  /** Share of the prompt tokens looked up that the prefix cache had; null: none was looked up. */
  prefixHitRate: z.number().nullable(),
});
export type InstanceRates = z.infer<typeof ratesSchema>;

/** Mean step of `seconds` before the snapshot, milliseconds; the parts add up to meanMs. */
const stepsSchema = z.object({
  seconds: z.number(),
  numSteps: z.number(),
  meanMs: z.number(),
  parts: z.array(
    z.object({ name: z.enum(["schedule", "kernels", "barriers", "other"]), meanMs: z.number() }),
  ),
  meanTokens: z.number(),
  /** By the step-time model, before each step; null until it has learned. */
  meanPredictedMs: z.number(),
  /** Mean of |measured − predicted| / measured. */
  meanRelativeError: z.number(),
});
export type InstanceSteps = z.infer<typeof stepsSchema>;

export const sequenceSchema = z.object({
  requestId: z.string(),
  /** Which of the request's n. */
  index: z.number(),
  state: z.enum(["waiting", "running"]),
  ageMs: z.number(),
  numPromptTokens: z.number(),
  /** Tokens whose keys and values are in its blocks. */
  numComputedTokens: z.number(),
  numOutputTokens: z.number(),
  maxTokens: z.number(),
  /** Of the prompt, from the prefix cache. */
  numCachedTokens: z.number(),
  numBlocks: z.number(),
  numPreemptions: z.number(),
  /** Bytes of its blocks × seconds for which it held them, summed. */
  byteSeconds: z.number(),
  /** Blocks that admission expects it to hold at its end. */
  numForecastBlocks: z.number(),
});
export type SequenceView = z.infer<typeof sequenceSchema>;

export const instanceSnapshotSchema = z.object({
  instanceId: z.string(),
  /** Its name in the API. */
  model: z.string(),
  /** The program that runs it; `pagoda` for our own. */
  engine: z.string(),
  /** A model state, or a state of a supervised instance: loading, ready, draining, asleep, failed, starting, crashloop, … */
  state: z.string(),
  /** Why it is in that state; null where there is nothing to say. */
  reason: z.string().nullable(),
  pid: z.number().nullable(),
  /** Keys of the snapshot's devices. */
  deviceIds: z.array(z.string()),
  kernels: z.string().nullable(),
  /** Everything below is null where the instance does not report it (or not yet). */
  memory: instanceMemorySchema.nullable(),
  blocks: blockUseSchema.nullable(),
  numRunning: z.number().nullable(),
  numWaiting: z.number().nullable(),
  /** Share of blocks referenced, 0 to 1. */
  kvCacheUsage: z.number().nullable(),
  totals: totalsSchema.nullable(),
  rates: ratesSchema.nullable(),
  steps: stepsSchema.nullable(),
  latency: z.array(latencyWindowSchema).nullable(),
  /** Of the last 10 to 15 seconds, each duration counted at the time at which it ended. */
  recentLatency: latencyWindowSchema.nullable().default(null),
  bindingLimit: bindingLimitSchema.nullable(),
  /** What the prefix cache is worth; `GET /admin/prefix-cache/curve` has the points of the curve as well. */
  prefixCache: curveSummarySchema.nullable(),
  settings: settingsStateSchema.nullable(),
  /** By `requestId/index`: all that run, and the first of those that wait (numWaiting counts all). null as above. */
  sequences: z.record(z.string(), sequenceSchema).nullable(),
});
export type InstanceSnapshot = z.infer<typeof instanceSnapshotSchema>;
