/** @module Plans the next step: which sequences compute which tokens. */
import { invariant } from "../../core/errors.ts";
import type { BlockManager } from "../kv/block-manager.ts";
import { Sequence } from "../sequence/sequence.ts";
import { type SequenceSlice, type StepCapacity, StepPlan } from "../step/step-plan.ts";
import { Admission } from "./admission.ts";
import { PoolLimit } from "./pool-limit.ts";
import { PrefixSharing } from "./prefix-sharing.ts";
import { orderByPrefix } from "./slice-order.ts";
import { StepTimeModel } from "./step-time-model.ts";
import { runsBefore, WaitingQueue } from "./waiting-queue.ts";

export interface SchedulerOptions {
  readonly blocks: BlockManager;
  /** Most sequences with a seat at a time. */
  readonly maxNumSeqs: number;
  readonly capacity: StepCapacity;
  /** As in `LoadedModel`. */
  readonly sharedPrefixTokens: number;
  /** While others decode, prompts are cut so that a step stays within this. */
  readonly maxStepMs: number;
  /** First guess of how long outputs are; corrected as requests finish. */
  readonly expectedOutputTokens: number;
}

/**
 * Each step has one token budget. It goes first to every sequence that needs one token (decode), then to prompts in
 * chunks, then to newcomers; each group in the order of `running`: priority, then arrival. This order is total, so equal
 * inputs give equal plans. The work of planning grows with `running` and not with the length of the queue.
 *
 * If blocks run out, the last of `running` is preempted: it releases its blocks, which stay in the prefix cache until
 * another sequence needs them, and computes what is missing later.
 */
export class Scheduler {
  readonly waiting = new WaitingQueue();
  /** In the order of `runsBefore`; at most maxNumSeqs seats. */
  readonly running: Sequence[] = [];
  readonly stepTime = new StepTimeModel();
  readonly prefixes: PrefixSharing;
  numPreemptions = 0;
  readonly #options: SchedulerOptions;
  readonly #blocks: BlockManager;
  readonly #admission: Admission;
  readonly poolLimit: PoolLimit;
  #capacity: StepCapacity;
  #maxStepMs: number;
  #stepNumber = 0;
  /** The sequence that has waited longest of those that did not fit into the last step: it goes first in the next. */
  #deferred: Sequence | null = null;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#blocks = options.blocks;
    this.prefixes = new PrefixSharing(options.blocks);
    this.#admission = new Admission(options.blocks, options.maxNumSeqs, options.expectedOutputTokens);
    this.poolLimit = new PoolLimit(options.blocks);
    this.#capacity = options.capacity;
    this.#maxStepMs = options.maxStepMs;
  }

  /** Between two steps. Lowered seats drain: nobody with a seat loses it. */
  setLimits(limits: { maxNumSeqs: number; maxNumBatchedTokens: number; maxStepMs: number }): void {
    this.#admission.maxNumSeqs = limits.maxNumSeqs;
    this.#capacity = { ...this.#options.capacity, numTokens: limits.maxNumBatchedTokens };
    this.#maxStepMs = limits.maxStepMs;
  }

  /** Blocks that may be in use; sequences that are here already must fit alone. */
  limitBlocks(numBlocks: number): void {
    this.poolLimit.request(numBlocks, this.#alive());
  }

  get hasWork(): boolean {
    return this.running.length > 0 || this.waiting.numWaiting > 0;
  }

  enqueue(sequence: Sequence): void {
    sequence.state = "waiting";
    this.poolLimit.makeRoomFor(sequence);
    this.waiting.push(sequence);
  }

  /** Blocks that a sequence is expected to hold at its end. */
  forecastBlocks(sequence: Sequence): number {
    return this.#admission.expectedBlocks(sequence);
  }

  /** Ends a sequence that finished by itself; admission learns from its length. */
  complete(sequence: Sequence): void {
    this.#admission.observeOutput(sequence.numOutputTokens);
    this.finish(sequence);
  }

  /** Ends a sequence in any state: its blocks are free or evictable when this returns. */
  finish(sequence: Sequence): void {
    if (sequence.state === "waiting") this.waiting.remove(sequence);
    if (sequence.state === "running") this.running.splice(this.running.indexOf(sequence), 1);
    sequence.state = "finished";
    this.prefixes.end(sequence);
    this.#blocks.release(sequence.table);
  }

  /** Plans one step and takes the blocks it needs. The plan is idle only if nothing runs and nothing waits. */
  schedule(): StepPlan {
    const plan = new StepPlan(this.#capacity);
    this.#stepNumber++;
    this.#shrinkPool(plan);
    this.#scheduleDecodes(plan);
    this.#schedulePrompts(plan);
    if (plan.preempted.length === 0) this.#admitWaiting(plan);
    for (const sequence of plan.preempted) this.enqueue(sequence);
    invariant(
      !plan.isIdle || (this.running.length === 0 && this.waiting.numWaiting === 0),
      () => `nothing was planned for ${this.running.length} running, ${this.waiting.numWaiting} waiting`,
    );
    return plan;
  }

  /**
   * Records a computed slice: its full blocks become reusable, and a prompt for n sequences forks once it is computed up
   * to its last token.
   */
  advance(slice: SequenceSlice): void {
    const { sequence } = slice;
    sequence.numComputed = slice.startPosition + slice.numTokens;
    this.#blocks.publish(sequence.table, sequence.tokenIds, sequence.numComputed);
    this.#forkWhenReady(sequence);
  }

  /** Preempts from the end of `running` until what is referenced is within the limit of the pool. */
  #shrinkPool(plan: StepPlan): void {
    if (this.poolLimit.isDeferred) this.poolLimit.settle(this.#alive());
    while (this.#blocks.numReferenced > this.#blocks.limit && this.running.length > 1) {
      plan.holdBack("kv_blocks", "blocks");
      this.#preempt(this.running.at(-1) as Sequence, plan);
    }
    this.#blocks.settle();
  }

  *#alive(): Iterable<Sequence> {
    yield* this.running;
    yield* this.waiting;
  }

  #scheduleDecodes(plan: StepPlan): void {
    this.#moveDeferredFirst(plan);
    for (let i = 0; i < this.running.length; i++) {
      const sequence = this.running[i] as Sequence;
      if (sequence.numUncomputed === 1 && !sequence.awaitsFork) this.#planDecode(sequence, plan);
    }
    orderByPrefix(plan.slices, this.#options.sharedPrefixTokens, this.#blocks.blockSize);
  }

  #moveDeferredFirst(plan: StepPlan): void {
    const deferred = this.#deferred;
    this.#deferred = null;
    if (deferred?.state === "running" && deferred.numUncomputed === 1) this.#planDecode(deferred, plan);
  }

  #planDecode(sequence: Sequence, plan: StepPlan): void {
    if (sequence.plannedStep === this.#stepNumber) return;
    if (plan.numTokensLeft < 1 || (samples(sequence) && !plan.hasRoomToSample(sequence))) {
      plan.holdBack("step_tokens", "seated");
      this.#defer(sequence);
      return;
    }
    if (this.#makeRoom(sequence, 1, plan)) this.#addSlice(sequence, 1, plan);
  }

  #defer(sequence: Sequence): void {
    if (this.#deferred === null || sequence.plannedStep < this.#deferred.plannedStep)
      this.#deferred = sequence;
  }

  #schedulePrompts(plan: StepPlan): void {
    for (let i = 0; i < this.running.length; i++) {
      const sequence = this.running[i] as Sequence;
      if (sequence.plannedStep !== this.#stepNumber) this.#continuePrompt(sequence, plan);
    }
  }

  /** Adds the next chunk of a prompt, unless an earlier sequence is computing the block that it needs next. */
  #continuePrompt(sequence: Sequence, plan: StepPlan): void {
    this.prefixes.attach(sequence);
    this.#forkWhenReady(sequence);
    if (this.prefixes.awaits(sequence, this.running)) {
      plan.holdBack("prefix_wait", "prefix");
      return;
    }
    const numTokens = this.#chunkTokens(sequence, plan);
    if (numTokens > 0 && this.#makeRoom(sequence, numTokens, plan)) this.#addSlice(sequence, numTokens, plan);
  }

  #admitWaiting(plan: StepPlan): void {
    for (let next = this.waiting.peek(); next !== null; next = this.waiting.peek()) {
      const refusal =
        this.#admission.refusal(next, this.running) ?? (plan.numTokensLeft < 1 ? "step_tokens" : null);
      if (refusal !== null) {
        plan.holdBack(refusal, "newcomer");
        return;
      }
      this.waiting.remove(next);
      for (const sequence of this.#seat(next)) this.#continuePrompt(sequence, plan);
      if (next.plannedStep !== this.#stepNumber && !this.prefixes.awaits(next, this.running)) return;
    }
  }

  /** Gives it a seat and the blocks that the cache has of it; returns its sequences, all n if it forked. */
  #seat(sequence: Sequence): readonly Sequence[] {
    sequence.state = "running";
    this.#insertRunning(sequence);
    this.prefixes.begin(sequence);
    return this.#forkWhenReady(sequence);
  }

  /** Tokens of the next chunk: limited by the prompt, the token budget, the time and the output rows. */
  #chunkTokens(sequence: Sequence, plan: StepPlan): number {
    const budget = Math.min(sequence.numUncomputed, plan.numTokensLeft);
    const limit = this.#tokensInTime(sequence, plan, budget);
    if (limit < budget) plan.holdBack("step_time", "seated");
    else if (budget < sequence.numUncomputed) plan.holdBack("step_tokens", "seated");
    // A scored chunk has at most as many output rows as tokens: the prompt's last token scores none and samples one.
    const numTokens = isScoring(sequence) ? Math.min(limit, plan.numOutputsLeft) : limit;
    const reachesEnd = sequence.numComputed + numTokens === sequence.numTokens;
    if (reachesEnd && samples(sequence) && !plan.hasRoomToSample(sequence)) {
      this.#defer(sequence);
      return numTokens - 1;
    }
    return numTokens;
  }

  /** The first prompt in line gets at least one block in each step, so that it always advances. */
  #tokensInTime(sequence: Sequence, plan: StepPlan, mostTokens: number): number {
    if (plan.numDecodes === 0) return mostTokens;
    const numTokens = this.stepTime.maxTokensWithin(this.#maxStepMs, plan, {
      start: sequence.numComputed,
      mostTokens,
      outputsPerToken: isScoring(sequence) ? 1 : 0,
    });
    const isFirstPrompt = plan.numTokens === plan.numDecodes;
    return isFirstPrompt ? Math.min(mostTokens, Math.max(numTokens, this.#blocks.blockSize)) : numTokens;
  }

  /**
   * Takes the blocks for the next `numTokens` of `sequence`, preempting from the end of `running`. Sequences that are
   * planned already are not preempted. A decode that finds no other victim is preempted itself; a prompt just waits.
   */
  #makeRoom(sequence: Sequence, numTokens: number, plan: StepPlan): boolean {
    const end = sequence.numComputed + numTokens;
    while (!this.#blocks.reserve(sequence.table, sequence.numComputed, end, plan.copies)) {
      plan.holdBack("kv_blocks", "blocks");
      const victim = this.#lastUnplanned();
      if (victim === null) return false;
      const isPlanned = plan.slices.length > 0;
      if (victim === sequence && numTokens > 1 && isPlanned) return false;
      invariant(
        victim !== sequence || this.running.length > 1,
        () => "a sequence does not fit into the whole pool",
      );
      this.#preempt(victim, plan);
      if (victim === sequence) return false;
    }
    return true;
  }

  #lastUnplanned(): Sequence | null {
    for (let i = this.running.length - 1; i >= 0; i--) {
      const sequence = this.running[i] as Sequence;
      if (sequence.plannedStep !== this.#stepNumber) return sequence;
    }
    return null;
  }

  #preempt(victim: Sequence, plan: StepPlan): void {
    this.running.splice(this.running.indexOf(victim), 1);
    this.prefixes.end(victim);
    this.#blocks.release(victim.table);
    victim.numComputed = 0;
    victim.numPreemptions++;
    victim.state = "waiting";
    this.numPreemptions++;
    plan.preempted.push(victim);
  }

  #addSlice(sequence: Sequence, numTokens: number, plan: StepPlan): void {
    const startPosition = sequence.numComputed;
    const end = startPosition + numTokens;
    const firstScored = sequence.request.numPromptLogprobs + 1;
    const lastScored = Math.min(end, sequence.numPromptTokens - 1);
    sequence.plannedStep = this.#stepNumber;
    plan.add({
      sequence,
      startPosition,
      numTokens,
      firstScored,
      numScored: isScoring(sequence) ? Math.max(0, lastScored - firstScored + 1) : 0,
      samplesToken: end === sequence.numTokens && samples(sequence),
    });
  }

  /** The n sequences of a prompt that is computed up to its last token share its blocks. */
  #forkWhenReady(sequence: Sequence): readonly Sequence[] {
    if (!sequence.awaitsFork || sequence.numUncomputed > 0) return [sequence];
    const { sequences, prepared } = sequence.request;
    for (let index = 1; index < prepared.sampling.n; index++) {
      const twin = new Sequence(sequence.request, index);
      this.#blocks.share(sequence.table, twin.table);
      twin.numComputed = sequence.numComputed;
      twin.state = "running";
      sequences.push(twin);
      this.#insertRunning(twin);
    }
    return sequences;
  }

  #insertRunning(sequence: Sequence): void {
    let index = this.running.length;
    while (index > 0 && runsBefore(sequence, this.running[index - 1] as Sequence)) index--;
    this.running.splice(index, 0, sequence);
  }
}

/** A request for no tokens only wants its prompt computed. */
function samples(sequence: Sequence): boolean {
  return sequence.request.prepared.maxTokens > 0;
}

/** Whether prompt log-probabilities are still missing. */
function isScoring(sequence: Sequence): boolean {
  const { promptLogprobs, numPromptLogprobs } = sequence.request;
  return promptLogprobs !== null && numPromptLogprobs < sequence.numPromptTokens - 1;
}
