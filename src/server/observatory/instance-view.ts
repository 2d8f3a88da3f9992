/** @module A served model of this process as an instance of the snapshot. */
import type {
  BindingLimitReport,
  InstanceCurve,
  InstanceSnapshot,
  SequenceView,
} from "../../api/admin/observatory/index.ts";
import type { GenerationService } from "../../core/generation.ts";
import type { SequenceFacts } from "../../core/observation/engine-observation.ts";
import type { ServedModelEntry } from "../models/served-model-entry.ts";
import { stateOf } from "../settings/settings-target.ts";
import type { TrafficRing } from "./history/traffic-ring.ts";
import type { Latencies } from "./latency/latencies.ts";
import { bindingReport, unknownLimit } from "./limits/binding-report.ts";
import { instanceCurve } from "./prefix-curve.ts";
import {
  boundTimeBetween,
  minuteMs,
  type RecentSamples,
  ratesBetween,
  type Sample,
  stepsBetween,
} from "./recent-samples.ts";

/** Sequences in the queue that a snapshot lists. */
const mostWaitingShown = 100;

export interface InstanceRecord {
  readonly samples: RecentSamples;
  readonly latencies: Latencies;
  readonly traffic: TrafficRing;
}

export function instanceIdOf({ name, engineIndex }: Pick<ServedModelEntry, "name" | "engineIndex">): string {
  return `${name}-${engineIndex}`;
}

/** What is known of an instance that reports nothing. */
export function blankInstance(
  facts: Pick<InstanceSnapshot, "instanceId" | "model" | "engine" | "state" | "reason" | "pid" | "deviceIds">,
): InstanceSnapshot {
  return {
    ...facts,
    kernels: null,
    memory: null,
    blocks: null,
    numRunning: null,
    numWaiting: null,
    kvCacheUsage: null,
    totals: null,
    rates: null,
    steps: null,
    latency: null,
    recentLatency: null,
    bindingLimit: null,
    prefixCache: null,
    settings: null,
    sequences: null,
  };
}

export function localInstance(
  entry: ServedModelEntry,
  { samples, latencies }: InstanceRecord,
  { nowMs, revision }: { readonly nowMs: number; readonly revision: number },
): InstanceSnapshot {
  const { service } = entry;
  const blank = blankInstance({
    instanceId: instanceIdOf(entry),
    model: entry.name,
    engine: "pagoda",
    state: entry.state,
    reason: service?.failure() ?? null,
    pid: process.pid,
    deviceIds: ["cpu"],
  });
  if (service === null) return blank;
  const observation = service.observe();
  const sample = { atMs: nowMs, observation };
  const { numWastedTokens: _, numRunning, numWaiting, kvCacheUsage, ...totals } = observation.stats;
  return {
    ...blank,
    ...memoryOf(service),
    numRunning,
    numWaiting,
    kvCacheUsage,
    totals,
    rates: ratesBetween(samples, sample),
    steps: stepsBetween(samples, sample),
    latency: latencies.windows(),
    recentLatency: latencies.recent(),
    bindingLimit: bindingLimitOf(service, samples, sample),
    prefixCache: summaryOf(curveOf(service, samples, sample)),
    settings: stateOf(service, revision),
    sequences: sequencesOf(service, observation.blocks.bytesPerBlock),
  };
}

/** Over the last minute; `unknown` before the second sample. */
export function bindingLimitOf(
  service: GenerationService,
  samples: RecentSamples,
  sample: Sample,
): BindingLimitReport {
  const time = boundTimeBetween(samples, sample);
  if (time === null) return unknownLimit;
  return bindingReport(time, {
    observation: sample.observation,
    settings: service.settings(),
    sequences: service.sequences(mostWaitingShown),
    extraBytesFor: (ceilings) => service.extraBytesFor(ceilings),
  });
}

/** What other pool sizes would find, at the present rate of prompts. */
export function curveOf(service: GenerationService, samples: RecentSamples, sample: Sample): InstanceCurve {
  const { blocks, tokenMs } = sample.observation;
  const rates = ratesBetween(samples, sample, minuteMs);
  return instanceCurve({
    curve: service.prefixCacheCurve(),
    blocks,
    promptTokensPerSecond: rates?.promptTokensPerSecond ?? null,
    tokenMs,
  });
}

function summaryOf({ points: _, ...summary }: InstanceCurve): InstanceSnapshot["prefixCache"] {
  return summary;
}

function memoryOf(service: GenerationService): Pick<InstanceSnapshot, "memory" | "blocks" | "kernels"> {
  const { budget, components, runtimeParts, residentBytes, peakResidentBytes, blocks, kernels } =
    service.memory();
  return {
    kernels,
    memory: {
      capBytes: budget.capBytes,
      residentBytes,
      peakResidentBytes,
      components: [...components],
      runtimeParts: [...runtimeParts],
    },
    blocks,
  };
}

function sequencesOf(service: GenerationService, bytesPerBlock: number): Record<string, SequenceView> {
  const views: Record<string, SequenceView> = {};
  for (const facts of service.sequences(mostWaitingShown))
    views[`${facts.requestId}/${facts.index}`] = viewOf(facts, bytesPerBlock);
  return views;
}

function viewOf({ blockMs, ...facts }: SequenceFacts, bytesPerBlock: number): SequenceView {
  return {
    ...facts,
    ageMs: Math.round(facts.ageMs),
    byteSeconds: Math.round((blockMs / 1000) * bytesPerBlock),
  };
}
