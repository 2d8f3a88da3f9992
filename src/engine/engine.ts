/** @module The engine: takes requests, runs one model step after another, and emits events. */
import { mib } from "../core/byte-size.ts";
import { invariant, type PagodaError } from "../core/errors.ts";
import type {
  GenerationEvent,
  GenerationRequest,
  GenerationService,
  Prompt,
  ServedModel,
  SleepLevel,
  SleepReport,
} from "../core/generation.ts";
import type { MemoryReport } from "../core/memory-report.ts";
import type { BlockCounts } from "../core/observation/block-counts.ts";
import type { EngineObservation, SequenceFacts } from "../core/observation/engine-observation.ts";
import type { EngineStats } from "../core/observation/engine-stats.ts";
import type { PrefixCacheCurve } from "../core/observation/prefix-cache-curve.ts";
import type { CeilingName, LiveSettings, LiveSettingsState } from "../core/settings/live-settings.ts";
import { ConstraintCompiler } from "./constraint/constraint-compiler.ts";
import { asleep, engineFailed, shuttingDown } from "./engine-errors.ts";
import type { EngineOptions } from "./engine-options.ts";
import { EngineSleep } from "./engine-sleep.ts";
import { BlockManager } from "./kv/block-manager.ts";
import { EventQueue } from "./output/event-queue.ts";
import { OutputBacklog } from "./output/output-backlog.ts";
import { OutputProcessor } from "./output/output-processor.ts";
import { InputProcessor } from "./request/input-processor.ts";
import { type Outcome, StepCommit } from "./schedule/commit.ts";
import { Scheduler } from "./schedule/scheduler.ts";
import { replayOutput } from "./sequence/replayed-output.ts";
import { RequestProgress } from "./sequence/sequence.ts";
import { SequenceText } from "./sequence/sequence-text.ts";
import { checkLimits } from "./settings/check-limits.ts";
import { EngineSettings } from "./settings/engine-settings.ts";
import { BetweenSteps } from "./step/between-steps.ts";
import { ModelRunner } from "./step/model-runner.ts";
import { capacityOf, type StepPlan } from "./step/step-plan.ts";
import { quantitiesOf } from "./step/step-quantities.ts";
import { EngineWatch } from "./watch/engine-watch.ts";

export type { MemoryFacts } from "./engine-options.ts";

const defaultExpectedOutputTokens = 128;
const defaultUnreadCapacityBytes = 16 * mib;
const defaultConstraintCapacityBytes = 8 * mib;
const numSeeds = 2 ** 48;

export class Engine implements GenerationService {
  readonly #options: EngineOptions;
  readonly #clock: () => number;
  readonly #inputProcessor: InputProcessor;
  readonly #blocks: BlockManager;
  readonly #scheduler: Scheduler;
  readonly #runner: ModelRunner;
  readonly #commit: StepCommit;
  readonly #outputProcessor: OutputProcessor;
  readonly #backlog: OutputBacklog;
  readonly #constraints: ConstraintCompiler;
  readonly #watch: EngineWatch;
  readonly #settings: EngineSettings;
  readonly #betweenSteps = new BetweenSteps();
  readonly #sleep: EngineSleep;
  /** Requests without an ending. */
  readonly #requests = new Set<RequestProgress>();
  #loop: Promise<void> | null = null;
  #failure: string | null = null;
  #isClosed = false;

  constructor(options: EngineOptions) {
    const { limits, model } = options;
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    const stepCapacity = capacityOf(model.inputs);
    checkLimits(limits, stepCapacity.numSeen, options.vocabularyWidth);
    // The sampling kernel writes their bans without a bounds check.
    invariant(
      options.eosTokenIds.every((tokenId) => tokenId >= 0 && tokenId < options.vocabularyWidth),
      () => `end of text ${options.eosTokenIds.join()} in a vocabulary of ${options.vocabularyWidth}`,
    );
    this.#blocks = new BlockManager({ ...limits, prefixCaching: options.prefixCaching });
    this.#scheduler = new Scheduler({
      blocks: this.#blocks,
      maxNumSeqs: limits.maxNumSeqs,
      capacity: { ...stepCapacity, numTokens: limits.maxNumBatchedTokens, numSlices: limits.maxNumSeqs },
      sharedPrefixTokens: model.sharedPrefixTokens,
      maxStepMs: options.maxStepMs,
      expectedOutputTokens: options.expectedOutputTokens ?? defaultExpectedOutputTokens,
    });
    this.#runner = new ModelRunner(model, limits.blockSize, options.vocabularyWidth);
    this.#commit = new StepCommit(this.#scheduler, model);
    this.#outputProcessor = new OutputProcessor(options.observer ?? null, this.#clock, (request) =>
      this.#forget(request),
    );
    this.#backlog = new OutputBacklog(options.unreadCapacityBytes ?? defaultUnreadCapacityBytes);
    this.#watch = new EngineWatch({
      scheduler: this.#scheduler,
      blocks: this.#blocks,
      outputs: this.#outputProcessor.counts,
      backlog: this.#backlog,
      bytesPerBlock: options.bytesPerBlock,
      clock: this.#clock,
    });
    this.#constraints = new ConstraintCompiler({
      tokenizer: options.tokenizer,
      vocabularyWidth: options.vocabularyWidth,
      capacityBytes: options.constraintCapacityBytes ?? defaultConstraintCapacityBytes,
    });
    this.#inputProcessor = inputProcessorOf(options, stepCapacity.numBias, this.#constraints, this.#clock);
    this.#settings = new EngineSettings({
      scheduler: this.#scheduler,
      blocks: this.#blocks,
      inputProcessor: this.#inputProcessor,
      initial: liveSettingsOf(options),
    });
    this.#sleep = new EngineSleep({
      model,
      settle: (waits) => (waits ? this.whenIdle() : this.#endAll(asleep())),
      dropBlocks: () => this.#blocks.dropCached(),
    });
    model.onIdleFailure?.((cause) => this.#fail(cause));
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    this.#refuseWhenDown();
    if (signal.aborted) return;
    const { tokenizer } = this.#options;
    const prepared = await this.#inputProcessor.prepare(request, signal);
    if (prepared === null || signal.aborted) return;
    this.#refuseWhenDown();
    const makeText = (): SequenceText => new SequenceText(tokenizer, request.sampling);
    const events = new EventQueue(this.#backlog, (error) => this.#abandon(progress, error));
    const progress = new RequestProgress(prepared, events, makeText);
    const onAbort = (): void => this.#abandon(progress, null);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#begin(progress, request.continuation?.tokenIds ?? []);
    try {
      yield* events.read();
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#abandon(progress, null);
    }
  }

  /** `tokenIds`: what another instance has generated already. */
  #begin(progress: RequestProgress, tokenIds: readonly number[]): void {
    const sequence = progress.firstSequence;
    const { events, ending } = replayOutput(sequence, tokenIds);
    progress.replayedEvents = events;
    this.#requests.add(progress);
    if (ending !== null) {
      this.#outputProcessor.deliverEnded(sequence, ending);
      return;
    }
    this.#scheduler.enqueue(sequence);
    this.#loop ??= this.#run();
  }

  tokenize(prompt: Prompt, signal: AbortSignal): Promise<readonly number[] | null> {
    return this.#inputProcessor.tokenize(prompt, signal);
  }

  detokenize(tokenIds: readonly number[], options: { readonly skipSpecialTokens?: boolean } = {}): string {
    this.#inputProcessor.checkTokenIds(tokenIds, "tokens");
    const skipSpecialTokens = options.skipSpecialTokens ?? false;
    return this.#options.tokenizer.decode(tokenIds, { skipSpecialTokens });
  }

  vocabularyEntry(tokenId: number): string {
    return this.#options.tokenizer.vocabularyEntry(tokenId);
  }

  tokenPiece(tokenId: number): { readonly text: string; readonly bytes: Uint8Array } {
    const bytes = this.#options.tokenizer.tokenBytes(tokenId);
    return { text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), bytes };
  }

  stats(): EngineStats {
    return this.#watch.stats();
  }

  observe(): EngineObservation {
    return this.#watch.observe();
  }

  sequences(mostWaiting: number): readonly SequenceFacts[] {
    return this.#watch.sequences(mostWaiting);
  }

  get model(): ServedModel {
    return { ...this.#options.served, maxModelLen: this.#settings.state().requested.maxModelLen };
  }

  prefixCacheCurve(): PrefixCacheCurve {
    return this.#scheduler.prefixes.ghosts.curve();
  }

  settings(): LiveSettingsState {
    return this.#settings.state();
  }

  async changeSettings(change: Partial<LiveSettings>): Promise<LiveSettingsState> {
    await this.#betweenSteps.do(this.#loop !== null, () => this.#settings.apply(change));
    return this.#settings.state();
  }

  async resetPrefixCache(): Promise<number> {
    let numDropped = 0;
    await this.#betweenSteps.do(this.#loop !== null, () => {
      numDropped = this.#blocks.dropCached();
      this.#scheduler.prefixes.ghosts.forget();
    });
    return numDropped;
  }

  extraBytesFor({ maxNumBlocks, ...limits }: Partial<Record<CeilingName, number>>): number | null {
    const changed = maxNumBlocks === undefined ? limits : { ...limits, numBlocks: maxNumBlocks };
    return this.#options.extraBytes?.(changed) ?? null;
  }

  get sleepLevel(): SleepLevel | null {
    return this.#sleep.level;
  }

  sleep(level: SleepLevel, { waits }: { readonly waits: boolean }): Promise<SleepReport> {
    return this.#sleep.sleep(level, waits);
  }

  wake(): Promise<void> {
    return this.#sleep.wake();
  }

  memory(): MemoryReport {
    const { blockSize, numTotal } = this.#blocks;
    return {
      ...this.#options.memory(),
      blocks: this.blockCounts(),
      rules: this.#constraints.heap,
      numKvTokens: numTotal * blockSize,
      maxConcurrency: numTotal / this.#blocks.blocksFor(this.#options.limits.maxModelLen),
    };
  }

  blockCounts(): BlockCounts {
    return this.#watch.blockCounts();
  }

  failure(): string | null {
    return this.#failure;
  }

  /** Heap that generated and unread events hold, by estimate. For tests. */
  get numUnreadBytes(): number {
    return this.#backlog.numBytes;
  }

  /** Checks every block count against the sequences alive; throws on our own bugs. For tests. */
  audit(): void {
    this.#blocks.audit(this.#scheduler.running.map((sequence) => sequence.table));
  }

  /** Resolves when nothing runs and nothing waits. */
  async whenIdle(): Promise<void> {
    while (this.#loop !== null) await this.#loop;
  }

  /** Ends every request with `not_ready` and refuses new ones; resolves when no step is running. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#endAll(shuttingDown());
  }

  async #endAll(error: PagodaError): Promise<void> {
    for (const request of this.#requests) this.#abandon(request, error);
    await this.whenIdle();
    await this.#constraints.close();
  }

  #refuseWhenDown(): void {
    if (this.#failure !== null) throw engineFailed(this.#failure);
    if (this.#isClosed) throw shuttingDown();
    this.#sleep.requireAwake();
  }

  /** Steps until there is no work; while idle there is no timer and no pending task. */
  async #run(): Promise<void> {
    try {
      // Requests of the same turn of the event loop share the first step.
      await nextTurn();
      let outcomes: Outcome[] = [];
      while (this.#scheduler.hasWork) outcomes = await this.#step(outcomes);
      this.#deliver(outcomes);
    } catch (error) {
      this.#fail(error);
    }
    this.#loop = null;
    this.#betweenSteps.settle();
  }

  /**
   * Plans and computes one step. While it computes, the text of the previous step is made and the event loop runs.
   */
  async #step(previous: readonly Outcome[]): Promise<Outcome[]> {
    this.#betweenSteps.settle();
    const startMs = this.#clock();
    const plan = this.#scheduler.schedule();
    const scheduleMs = this.#clock() - startMs;
    this.#watch.stepPlanned(plan);
    const computed = this.#runner.start(plan);
    this.#noteScheduled(plan, startMs);
    this.#deliver(previous);
    await Promise.all([computed, nextTurn()]);
    const outcomes = this.#commit.apply(plan, (request, error) => this.#abandon(request, error));
    this.#observeStep(plan, startMs, scheduleMs);
    return outcomes;
  }

  #deliver(outcomes: readonly Outcome[]): void {
    this.#backlog.enforce();
    this.#outputProcessor.deliver(outcomes);
  }

  #noteScheduled(plan: StepPlan, nowMs: number): void {
    for (const { sequence } of plan.slices) sequence.request.scheduledMs ??= nowMs;
  }

  #observeStep(plan: StepPlan, startMs: number, scheduleMs: number): void {
    const totalMs = this.#clock() - startMs;
    const { kernelMs, barrierMs } = this.#options.model.lastStepTiming();
    const predictedMs = this.#scheduler.stepTime.observe(plan, totalMs);
    this.#watch.stepFinished(plan, { totalMs, scheduleMs, kernelMs, barrierMs, predictedMs });
    this.#options.observer?.stepMeasured?.(
      quantitiesOf(plan, this.#options.model.sharedPrefixTokens, this.#options.limits.blockSize),
      totalMs,
    );
    this.#options.observer?.stepFinished({
      numTokens: plan.numTokens,
      totalMs,
      outsideKernelsMs: Math.max(0, totalMs - kernelMs - barrierMs),
    });
  }

  /**
   * Ends a request from outside. Its blocks are released at once, even while a step computes it: they cannot be taken
   * before the next step is planned, and the commit skips its rows.
   */
  #abandon(request: RequestProgress, error: Error | null): void {
    if (request.isOver) return;
    this.#outputProcessor.abandon(request, error);
    this.#forget(request);
  }

  #forget(request: RequestProgress): void {
    this.#requests.delete(request);
    for (const sequence of request.sequences) {
      if (sequence.state !== "finished") this.#scheduler.finish(sequence);
    }
  }

  #fail(cause: unknown): void {
    this.#failure = cause instanceof Error ? cause.message : String(cause);
    for (const request of this.#requests) this.#abandon(request, engineFailed(this.#failure, cause));
  }
}

function inputProcessorOf(
  options: EngineOptions,
  maxBiasEntries: number,
  constraints: ConstraintCompiler,
  clock: () => number,
): InputProcessor {
  const { limits, served } = options;
  return new InputProcessor({
    ...options,
    limits: {
      ...limits,
      modelMaxLen: options.modelMaxLen,
      numKvTokens: limits.numBlocks * limits.blockSize,
      maxBiasEntries,
      output: { defaultTokens: served.defaultSampling.maxTokens, ceilingTokens: served.maxTokensCeiling },
      vocabularyWidth: options.vocabularyWidth,
    },
    constraints,
    clock,
    drawSeed: options.drawSeed ?? (() => Math.floor(Math.random() * numSeeds)),
  });
}

function liveSettingsOf({ limits, maxStepMs, prefixCaching }: EngineOptions): LiveSettings {
  const { maxNumSeqs, maxNumBatchedTokens, maxModelLen, numBlocks } = limits;
  return { maxNumSeqs, maxNumBatchedTokens, maxModelLen, maxNumBlocks: numBlocks, maxStepMs, prefixCaching };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
