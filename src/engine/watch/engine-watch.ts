/** @module Counts what an engine does, for those who watch it: steps, where their time went, and what bound them. */
import type { StepTiming } from "../../backend/backend.ts";
import { type BindingLimit, bindingLimits } from "../../core/observation/binding-limit.ts";
import type { BlockCounts } from "../../core/observation/block-counts.ts";
import type { EngineObservation, SequenceFacts } from "../../core/observation/engine-observation.ts";
import type { EngineStats } from "../../core/observation/engine-stats.ts";
import type { BlockManager } from "../kv/block-manager.ts";
import type { OutputBacklog } from "../output/output-backlog.ts";
import type { OutputCounts } from "../output/output-processor.ts";
import type { Scheduler } from "../schedule/scheduler.ts";
import type { Sequence } from "../sequence/sequence.ts";
import type { StepPlan } from "../step/step-plan.ts";
import { TokenCost } from "./token-cost.ts";

export interface EngineWatchParts {
  readonly scheduler: Scheduler;
  readonly blocks: BlockManager;
  readonly outputs: OutputCounts;
  readonly backlog: OutputBacklog;
  readonly bytesPerBlock: number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** Above this share of what unread events may hold, the readers are what the answers wait for. */
const slowReadersShare = 0.5;

interface MutableStepTotals {
  numSteps: number;
  totalMs: number;
  scheduleMs: number;
  kernelMs: number;
  barrierMs: number;
  numTokens: number;
  predictedMs: number;
  relativeError: number;
}

/** The work at each step is a few additions, and one for each running sequence; everything else is read when asked. */
export class EngineWatch {
  readonly #parts: EngineWatchParts;
  readonly #steps: MutableStepTotals = {
    numSteps: 0,
    totalMs: 0,
    scheduleMs: 0,
    kernelMs: 0,
    barrierMs: 0,
    numTokens: 0,
    predictedMs: 0,
    relativeError: 0,
  };
  readonly #tokenCost = new TokenCost();
  readonly #limitMs: Record<BindingLimit, number>;
  /** The step under way; null between steps. */
  #computing: StepPlan | null = null;

  constructor(parts: EngineWatchParts) {
    this.#parts = parts;
    this.#limitMs = Object.fromEntries(bindingLimits.map((limit) => [limit, 0])) as Record<
      BindingLimit,
      number
    >;
  }

  stepPlanned(plan: StepPlan): void {
    this.#computing = plan;
  }

  /** `scheduleMs`: the part of `totalMs` that planning took. */
  stepFinished(
    plan: StepPlan,
    times: StepTiming & { readonly scheduleMs: number; readonly predictedMs: number },
  ): void {
    const { totalMs, scheduleMs, kernelMs, barrierMs, predictedMs } = times;
    const steps = this.#steps;
    this.#computing = null;
    steps.numSteps++;
    steps.totalMs += totalMs;
    steps.scheduleMs += scheduleMs;
    steps.kernelMs += kernelMs;
    steps.barrierMs += barrierMs;
    steps.numTokens += plan.numTokens;
    steps.predictedMs += predictedMs;
    if (totalMs > 0) steps.relativeError += Math.abs(totalMs - predictedMs) / totalMs;
    this.#tokenCost.observe(plan.numTokens, totalMs);
    this.#limitMs[this.#limitOf(plan, totalMs)] += totalMs;
    for (const sequence of this.#parts.scheduler.running)
      sequence.blockMs += sequence.table.numBlocks * totalMs;
  }

  stats(): EngineStats {
    const { scheduler, blocks, outputs } = this.#parts;
    const { prefixes, running, waiting, numPreemptions } = scheduler;
    return {
      numRunning: running.length,
      numWaiting: waiting.numWaiting,
      kvCacheUsage: Math.min(1, blocks.numReferenced / blocks.limit),
      numWastedTokens: this.#wastedTokens(),
      numPreemptions,
      numPrefixQueryTokens: prefixes.counts.numQueryTokens,
      numPrefixHitTokens: prefixes.counts.numHitTokens,
      ...outputs,
      numSteps: this.#steps.numSteps,
    };
  }

  blockCounts(): BlockCounts {
    const { bytesPerBlock, blocks } = this.#parts;
    const { blockSize, numTotal, numFree, numCached, numReferenced, numWithheld } = blocks;
    return { blockSize, bytesPerBlock, numTotal, numFree, numCached, numReferenced, numWithheld };
  }

  observe(): EngineObservation {
    return {
      stats: this.stats(),
      blocks: this.blockCounts(),
      steps: { ...this.#steps },
      limitMs: { ...this.#limitMs },
      tokenMs: this.#tokenCost.tokenMs,
    };
  }

  /** All that run, then the first of those that wait, in no order: at most `mostWaiting`. */
  sequences(mostWaiting: number): SequenceFacts[] {
    const { scheduler } = this.#parts;
    const facts = scheduler.running.map((sequence) => this.#factsOf(sequence));
    let numWaiting = 0;
    for (const sequence of scheduler.waiting) {
      if (numWaiting++ >= mostWaiting) break;
      facts.push(this.#factsOf(sequence));
    }
    return facts;
  }

  #limitOf(plan: StepPlan, totalMs: number): BindingLimit {
    if (plan.heldBackBy !== null) return plan.heldBackBy;
    const { backlog } = this.#parts;
    if (backlog.numBytes > slowReadersShare * backlog.capacityBytes) return "clients";
    return this.#tokenCost.limitOf(plan.numTokens, totalMs);
  }

  /** Slots in blocks of running sequences that hold no token and get none in the step under way. */
  #wastedTokens(): number {
    const { scheduler, blocks } = this.#parts;
    let numTokens = 0;
    for (const { table, numComputed } of scheduler.running)
      numTokens += table.numBlocks * blocks.blockSize - numComputed;
    for (const slice of this.#computing?.slices ?? [])
      if (slice.sequence.state === "running") numTokens -= slice.numTokens;
    return numTokens;
  }

  #factsOf(sequence: Sequence): SequenceFacts {
    const { request } = sequence;
    return {
      requestId: request.prepared.requestId,
      index: sequence.index,
      state: sequence.state === "running" ? "running" : "waiting",
      ageMs: this.#parts.clock() - request.prepared.arrivedMs,
      numPromptTokens: sequence.numPromptTokens,
      numComputedTokens: sequence.numComputed,
      numOutputTokens: sequence.numOutputTokens,
      maxTokens: request.prepared.maxTokens,
      numCachedTokens: request.numCachedTokens,
      numBlocks: sequence.table.numBlocks,
      numPreemptions: sequence.numPreemptions,
      blockMs: sequence.blockMs,
      numForecastBlocks: this.#parts.scheduler.forecastBlocks(sequence),
    };
  }
}
