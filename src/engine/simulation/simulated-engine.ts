/**
 * @module The engine in virtual time: the real scheduler, block manager, prefix cache and admission over steps that take
 * as long as a function says. Nothing is computed, so a minute of serving takes some milliseconds.
 */
import type { StepLimits, StepResults } from "../../backend/backend.ts";
import type { StepQuantities } from "../../core/generation.ts";
import { defaultSamplingParams, type SamplingParams } from "../../core/sampling-params.ts";
import { BlockManager } from "../kv/block-manager.ts";
import type { PreparedRequest } from "../request/prepared-request.ts";
import { type Outcome, StepCommit } from "../schedule/commit.ts";
import { Scheduler } from "../schedule/scheduler.ts";
import { RequestProgress, type Sequence } from "../sequence/sequence.ts";
import { SequenceText } from "../sequence/sequence-text.ts";
import type { StepPlan } from "../step/step-plan.ts";
import { quantitiesOf } from "../step/step-quantities.ts";

export interface SimulationOptions {
  readonly limits: Pick<StepLimits, "blockSize" | "maxNumSeqs" | "maxNumBatchedTokens"> & {
    readonly numBlocks: number;
  };
  readonly prefixCaching: boolean;
  readonly maxStepMs: number;
  /** As in `LoadedModel`; default 0. */
  readonly sharedPrefixTokens?: number;
  readonly expectedOutputTokens: number;
  /** Milliseconds of a step, above 0. */
  readonly stepMs: (step: StepQuantities) => number;
}

export interface SimulatedRequest {
  readonly promptTokenIds: Int32Array;
  /** Exactly this many are generated. At least 1. */
  readonly numOutputTokens: number;
}

/** What happened to one request; all times in virtual milliseconds. */
export interface SimulatedEnding {
  readonly request: SimulatedRequest;
  readonly arrivedMs: number;
  readonly firstTokenMs: number;
  readonly finishedMs: number;
  readonly interTokenMs: readonly number[];
  readonly numCachedTokens: number;
  readonly numPreemptions: number;
}

const sampling: SamplingParams = { ...defaultSamplingParams, temperature: 0, ignoreEos: true };
const nothing: ReadonlySet<number> = new Set();
const noEvents = { push: () => undefined, end: () => undefined, fail: () => undefined };
const noText = new SequenceText(
  { tokenBytes: () => new Uint8Array(0), isSpecial: () => false },
  defaultSamplingParams,
);

/** Each call of `step` is one step of the engine, in the order in which `Engine` schedules, delivers and commits. */
export class SimulatedEngine {
  readonly #options: SimulationOptions;
  readonly #sharedPrefixTokens: number;
  readonly #blocks: BlockManager;
  readonly #scheduler: Scheduler;
  readonly #commit: StepCommit;
  readonly #requests = new Map<RequestProgress, SimulatedRequest>();
  /** Of the step before: their text goes out while the next step runs, as in the engine. */
  #undelivered: readonly Outcome[] = [];
  #undeliveredMs = 0;
  #numArrived = 0;
  nowMs = 0;
  numSteps = 0;

  constructor(options: SimulationOptions) {
    const { limits } = options;
    this.#options = options;
    this.#sharedPrefixTokens = options.sharedPrefixTokens ?? 0;
    this.#blocks = new BlockManager({ ...limits, prefixCaching: options.prefixCaching });
    this.#scheduler = new Scheduler({
      blocks: this.#blocks,
      maxNumSeqs: limits.maxNumSeqs,
      capacity: {
        numTokens: limits.maxNumBatchedTokens,
        numSlices: limits.maxNumSeqs,
        numOutputs: limits.maxNumBatchedTokens,
        numSeen: Number.MAX_SAFE_INTEGER,
        numBias: Number.MAX_SAFE_INTEGER,
      },
      sharedPrefixTokens: this.#sharedPrefixTokens,
      maxStepMs: options.maxStepMs,
      expectedOutputTokens: options.expectedOutputTokens,
    });
    this.#commit = new StepCommit(this.#scheduler, {
      results: zeroTokens(limits.maxNumBatchedTokens),
      hiddenWidth: 0,
      readHidden: () => undefined,
    });
  }

  get hasWork(): boolean {
    return this.#scheduler.hasWork || this.#undelivered.length > 0;
  }

  get numPreemptions(): number {
    return this.#scheduler.numPreemptions;
  }

  /** Prompt tokens looked up in the prefix cache, and found. */
  get prefixCounts(): { readonly numQueryTokens: number; readonly numHitTokens: number } {
    return this.#scheduler.prefixes.counts;
  }

  /** Most tokens of prompt and output together that the pool holds. */
  get numKvTokens(): number {
    return this.#blocks.numTotal * this.#blocks.blockSize;
  }

  /** The request joins the queue; it can be in the next step that is planned. */
  submit(request: SimulatedRequest, arrivedMs: number): void {
    const prepared: PreparedRequest = {
      requestId: "",
      promptTokenIds: request.promptTokenIds,
      sampling,
      seed: 0,
      maxTokens: request.numOutputTokens,
      stopTokenIds: nothing,
      eosTokenIds: nothing,
      bannedBeforeMin: [],
      pooling: null,
      cacheSalt: null,
      priority: 0,
      arrivalNumber: this.#numArrived++,
      arrivedMs,
    };
    const progress = new RequestProgress(prepared, noEvents, () => noText);
    this.#requests.set(progress, request);
    this.#scheduler.enqueue(progress.firstSequence);
  }

  /**
   * Runs one step, or hands out what the last one left. `onEnding` is called for each request that has ended by the
   * start of the step; requests that it submits can be in the step after.
   */
  step(onEnding: (ending: SimulatedEnding) => void): void {
    const plan = this.#scheduler.schedule();
    this.#deliver(onEnding);
    if (plan.isIdle) return;
    this.nowMs += this.#timeOf(plan);
    this.numSteps++;
    this.#undelivered = this.#commit.apply(plan, () => undefined);
    this.#undeliveredMs = this.nowMs;
  }

  #timeOf(plan: StepPlan): number {
    const ms = this.#options.stepMs(quantitiesOf(plan, this.#sharedPrefixTokens, this.#blocks.blockSize));
    this.#scheduler.stepTime.observe(plan, ms);
    return ms;
  }

  #deliver(onEnding: (ending: SimulatedEnding) => void): void {
    const outcomes = this.#undelivered;
    this.#undelivered = [];
    for (const { sequence, ending } of outcomes) {
      this.#noteToken(sequence);
      if (ending !== null) this.#end(sequence, onEnding);
    }
  }

  #noteToken(sequence: Sequence): void {
    const { request } = sequence;
    if (sequence.lastTokenMs === null) request.firstTokenMs = this.#undeliveredMs;
    else request.interTokenMs.push(this.#undeliveredMs - sequence.lastTokenMs);
    sequence.lastTokenMs = this.#undeliveredMs;
  }

  #end(sequence: Sequence, onEnding: (ending: SimulatedEnding) => void): void {
    const progress = sequence.request;
    const request = this.#requests.get(progress);
    if (request === undefined) return;
    this.#requests.delete(progress);
    onEnding({
      request,
      arrivedMs: progress.prepared.arrivedMs,
      firstTokenMs: progress.firstTokenMs ?? this.#undeliveredMs,
      finishedMs: this.#undeliveredMs,
      interTokenMs: progress.interTokenMs,
      numCachedTokens: progress.numCachedTokens,
      numPreemptions: sequence.numPreemptions,
    });
  }
}

/** Every row of every step samples token 0. */
function zeroTokens(numRows: number): StepResults {
  return {
    tokenIds: new Int32Array(numRows),
    logprobs: new Float32Array(0),
    ranks: new Int32Array(0),
    topTokenIds: new Int32Array(0),
    topLogprobs: new Float32Array(0),
  };
}
