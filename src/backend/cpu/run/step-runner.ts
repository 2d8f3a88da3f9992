/**
 * @module Runs one thread's part of a step. Allocates nothing.
 *
 * The units of a phase are divided evenly into one contiguous share for each thread, so that a thread reads weights in one stream
 * and finds in its caches the results of the previous phase. It takes its share in chunks and then takes chunks of the other
 * threads' shares, so a thread whose core is busy elsewhere does less. Taken units are counted in two sets of words that
 * alternate between phases: a thread clears its word for the next phase while no thread can be in that phase yet.
 */

import type { ArenaCopy, CompiledProgram, Job, Patch, Phase } from "../compile/phase.ts";
import { attentionItem, jobWord } from "../kernels/jobs.ts";
import type { Barrier } from "./barrier.ts";
import { fewestRowPacks, mostRowPacks, rowPacksToTake, rowsOfChunk } from "./chunk-sizes.ts";
import { awaitMasks, type ControlBlock, commandWords } from "./control.ts";
import { ThreadTimings } from "./timing.ts";

/** Most other threads whose shares a thread takes from: with many threads one share matters little, and each costs a cache line. */
const mostVictims = 7;
/** Shares begin at multiples of this, or of a smaller chunk: rows of a token pack, and row packs, which kernels take in pairs. */
const unitsTogether = 4;

/** The same words for every KV dtype. */
const itemsField = jobWord("attentionF16", "items");
const firstTokenField = jobWord("prepareHeadsF16", "firstToken");
const numTokensField = jobWord("prepareHeadsF16", "numTokens");

export class StepRunner {
  readonly #program: CompiledProgram;
  readonly #control: ControlBlock;
  readonly #barrier: Barrier;
  readonly #thread: number;
  readonly #numThreads: number;
  /** Of each rank. */
  readonly #rankThreads: number;
  readonly #maxPieceRows: number;
  readonly #timings: ThreadTimings;
  /** Whether the number of phases divided so far is odd. */
  #parity: 0 | 1 = 0;
  #numTokens = 0;
  #numSlices = 0;
  #numAttentionItems = 0;
  #numMergeItems = 0;
  #pieceRows = 0;
  /** Whether every sequence has one row in the step: then the heads of a row read no keys of other rows of this step. */
  #isOneRowEach = false;
  /** Fewest and most units of a chunk of the current phase. */
  #fewest = 0;
  #most = 0;
  /** Units of the share that is being taken. */
  #shareFirst = 0;
  #shareEnd = 0;
  /** The values of the patched words. */
  #patchedTokens = 0;
  #patchedRows = 0;
  #patchedFirst = 0;

  constructor(options: {
    readonly program: CompiledProgram;
    readonly control: ControlBlock;
    readonly barrier: Barrier;
    readonly thread: number;
    readonly numThreads: number;
    readonly numRanks: number;
    readonly maxPieceRows: number;
  }) {
    this.#program = options.program;
    this.#control = options.control;
    this.#barrier = options.barrier;
    this.#thread = options.thread;
    this.#numThreads = options.numThreads;
    this.#rankThreads = options.numThreads / options.numRanks;
    this.#maxPieceRows = options.maxPieceRows;
    this.#timings = new ThreadTimings(options.control.timings[options.thread] ?? new Float64Array(64));
  }

  /**
   * Runs body and head for the inputs that the command words describe. There is no barrier at the end; the last thread to
   * arrive there does the work of a single thread: the sampling of a single row.
   * @returns how many threads arrived there before
   */
  run(): number {
    const { command } = this.#control;
    const { body, head } = this.#program;
    this.#numTokens = word(command, commandWords.numTokens);
    this.#numSlices = word(command, commandWords.numSlices);
    this.#numAttentionItems = word(command, commandWords.numAttentionItems);
    this.#numMergeItems = word(command, commandWords.numMergeItems);
    const numOutputs = word(command, commandWords.numOutputs);
    this.#pieceRows = 0;
    this.#isOneRowEach = this.#numTokens === this.#numSlices;
    this.#timings.start();
    this.#patchBody();
    this.#runPhases(body, numOutputs === 0);
    if (word(command, commandWords.awaitsMasks) === 1) awaitMasks(this.#control.masks);
    for (let first = 0; first < numOutputs; first += this.#maxPieceRows) {
      this.#pieceRows = Math.min(this.#maxPieceRows, numOutputs - first);
      this.#patchHead(first);
      this.#runPhases(head, first + this.#pieceRows === numOutputs);
    }
    this.#timings.finish();
    const numLeft = this.#barrier.leave();
    if (numLeft === this.#numThreads - 1) this.#runRest(head);
    return numLeft;
  }

  /** Patches the body's jobs. Their words are still right if the last step had the same number of tokens. */
  #patchBody(): void {
    if (this.#numTokens === this.#patchedTokens) return;
    this.#applyPatches(this.#program.bodyPatches, 0, 0);
    this.#patchedTokens = this.#numTokens;
  }

  #patchHead(firstOutput: number): void {
    if (this.#pieceRows === this.#patchedRows && firstOutput === this.#patchedFirst) return;
    this.#applyPatches(this.#program.headPatches, this.#pieceRows, firstOutput);
    this.#patchedRows = this.#pieceRows;
    this.#patchedFirst = firstOutput;
  }

  #applyPatches(patches: readonly Patch[], numOutputs: number, firstOutput: number): void {
    const numRows = numOutputs > 0 ? numOutputs : this.#numTokens;
    for (const patch of patches) {
      let value = 0;
      if (patch.value === "numTokens") value = this.#numTokens;
      else if (patch.value === "numOutputs") value = numOutputs;
      else if (patch.value === "firstOutput") value = firstOutput;
      else if (patch.value === "quantized") value = numRows === 1 ? patch.privateOffset : patch.base;
      else value = patch.base + 4 * firstOutput;
      patch.i32[patch.word] = value;
    }
  }

  /** @param endsStep leaves the rest to the last thread, without a barrier after the last phase */
  #runPhases(phases: readonly Phase[], endsStep: boolean): void {
    const end = endsStep ? this.#endOfShared(phases) : phases.length;
    for (let i = 0; i < end; i++) {
      const phase = phases[i] as Phase;
      const numUnits = this.#numUnits(phase);
      if (numUnits === 0) continue;
      const needsBarrier = this.#runPhase(phase, numUnits);
      this.#timings.kernelsEnded(phase.kind);
      if (!needsBarrier || (endsStep && i === end - 1)) continue;
      if (this.#barrier.arrive()) this.#barrier.release();
      this.#timings.barrierEnded();
    }
  }

  /** Index of the first of the last phases that have a single row of output, which cannot be divided. */
  #endOfShared(phases: readonly Phase[]): number {
    let end = phases.length;
    if (this.#pieceRows === 1) while (phases[end - 1]?.split === "outputRows") end -= 1;
    return end;
  }

  #runRest(phases: readonly Phase[]): void {
    for (let i = this.#endOfShared(phases); i < phases.length; i++) {
      const { jobs, kind } = phases[i] as Phase;
      runRows(jobs, 0, 1);
      this.#timings.kernelsEnded(kind);
    }
    this.#timings.finish();
  }

  #numUnits(phase: Phase): number {
    switch (phase.split) {
      case "tokenRows":
        return phase.isHeadwise && this.#isOneRowEach ? 0 : this.#numTokens;
      case "outputRows":
        return this.#pieceRows;
      case "attentionUnits":
        return this.#numAttentionItems * totalUnits(phase.jobs);
      case "mergeUnits":
        return this.#numMergeItems * totalUnits(phase.jobs);
      case "whole":
        return 1;
      case "kvHeads":
        return this.#attentionPrepares(phase) ? 0 : totalUnits(phase.jobs);
      case "rowPacks":
        return totalUnits(phase.jobs);
    }
  }

  /** Whether attention prepares the heads of a phase: then every item has whole rows, and only it reads what preparing writes. */
  #attentionPrepares({ prepares }: Phase): boolean {
    return this.#isOneRowEach && this.#numMergeItems === 0 && prepares.length > 0;
  }

  /** @returns false if every thread did the whole phase, so that no thread needs to wait */
  #runPhase(phase: Phase, numUnits: number): boolean {
    const { split, jobs } = phase;
    const isByRows = split === "tokenRows" || split === "outputRows";
    if (isByRows && phase.isRepeatable && numUnits === 1) {
      runRows(jobs, 0, 1);
      return false;
    }
    if (phase.arenaCopy !== null) {
      if (this.#thread === 0) this.#copyBetweenArenas(phase.arenaCopy);
      return true;
    }
    this.#divide(phase, numUnits);
    return true;
  }

  #divide(phase: Phase, numUnits: number): void {
    const numThreads = this.#numThreads;
    const taken = this.#control.taken[this.#parity];
    this.#parity = this.#parity === 0 ? 1 : 0;
    const next = this.#control.taken[this.#parity][this.#thread];
    if (next !== undefined) Atomics.store(next, 0, 0);
    const rowPackMacs = phase.unitMacs * (this.#pieceRows > 0 ? this.#pieceRows : this.#numTokens);
    const isRowPacks = phase.split === "rowPacks";
    this.#fewest = isRowPacks ? fewestRowPacks(rowPackMacs) : this.#chunkUnits(phase, numUnits);
    this.#most = isRowPacks ? mostRowPacks(numUnits, rowPackMacs, numThreads) : this.#fewest;
    const numLooks = Math.min(numThreads, 1 + mostVictims);
    for (let look = 0; look < numLooks; look++) {
      const owner = this.#ownerAt(look);
      this.#findShare(phase, numUnits, owner);
      const [first, end, words] = [this.#shareFirst, this.#shareEnd, taken[owner]];
      if (words !== undefined && first < end) this.#take(phase, words, first, end, look === 0);
    }
  }

  /** The thread whose share comes at `look`: its own, those of its rank, those of the next rank, and so on. */
  #ownerAt(look: number): number {
    const each = this.#rankThreads;
    const rank = Math.floor(this.#thread / each) + Math.floor(look / each);
    return ((rank * each) % this.#numThreads) + ((this.#thread + look) % each);
  }

  /** A thread's share: of all units, or of its rank's. */
  #findShare({ rankEnds, split }: Phase, numUnits: number, owner: number): void {
    let [first, end, numSharing, index] = [0, numUnits, this.#numThreads, owner];
    if (rankEnds.length > 0) {
      const rank = Math.floor(owner / this.#rankThreads);
      const each = this.#itemsOf(split);
      first = rank === 0 ? 0 : each * (rankEnds[rank - 1] as number);
      end = each * (rankEnds[rank] as number);
      numSharing = this.#rankThreads;
      index = owner % this.#rankThreads;
    }
    const grain = Math.min(this.#fewest, unitsTogether);
    const share = grain * Math.ceil((end - first) / (numSharing * grain));
    this.#shareFirst = first + index * share;
    this.#shareEnd = Math.min(this.#shareFirst + share, end);
  }

  /** How often a phase has the units of its jobs. */
  #itemsOf(split: Phase["split"]): number {
    if (split === "attentionUnits") return this.#numAttentionItems;
    return split === "mergeUnits" ? this.#numMergeItems : 1;
  }

  /** Runs the units of [first, end), the share of a thread, that no thread has taken yet. */
  #take(phase: Phase, taken: Int32Array, first: number, end: number, isOwn: boolean): void {
    const [fewest, most] = [this.#fewest, this.#most];
    for (;;) {
      const numLeft = end - first - Atomics.load(taken, 0);
      if (numLeft <= 0) return;
      const chunk = fewest === most ? fewest : rowPacksToTake(numLeft, isOwn, fewest, most);
      const start = first + Atomics.add(taken, 0, chunk);
      if (start >= end) return;
      this.#runUnits(phase, start, Math.min(start + chunk, end));
    }
  }

  #runUnits(phase: Phase, start: number, end: number): void {
    const { split, jobs } = phase;
    if (split === "tokenRows" || split === "outputRows") runRows(jobs, start, end);
    else this.#runBeside(phase, start, end);
  }

  /** Runs units [start, end) of the concatenated units of all jobs. */
  #runBeside(phase: Phase, start: number, end: number): void {
    const { jobs, split } = phase;
    const each = this.#itemsOf(split);
    let first = 0;
    for (let i = 0; i < jobs.length && first < end; i++) {
      const numUnits = each * (jobs[i] as Job).numUnits;
      const jobStart = Math.max(start - first, 0);
      const jobEnd = Math.min(end - first, numUnits);
      if (jobStart < jobEnd) this.#runPart(phase, i, jobStart, jobEnd);
      first += numUnits;
    }
  }

  /** Units [start, end) of one job. */
  #runPart(phase: Phase, index: number, start: number, end: number): void {
    const job = phase.jobs[index] as Job;
    const prepare = phase.prepares[index];
    if (prepare !== undefined && phase.split === "kvHeads" && this.#isOneRowEach) {
      prepareHeads(prepare, start, end, 0, this.#numTokens);
      return;
    }
    if (prepare !== undefined && phase.split === "attentionUnits" && this.#attentionPrepares(phase))
      for (let unit = start; unit < end; unit++) prepareItem(job, prepare, unit);
    runJob(job, start, end);
  }

  /** Units of a chunk, for phases whose chunks all have the same size. */
  #chunkUnits({ split }: Phase, numUnits: number): number {
    return split === "tokenRows" || split === "outputRows" ? rowsOfChunk(numUnits, this.#numThreads) : 1;
  }

  #copyBetweenArenas({ from, to, ranges }: ArenaCopy): void {
    for (const { fromWord, toWord, numWords, per } of ranges) {
      const end = numWords * this.#numOf(per);
      for (let i = 0; i < end; i++) to[toWord + i] = from[fromWord + i] as number;
    }
  }

  #numOf(per: ArenaCopy["ranges"][number]["per"]): number {
    switch (per) {
      case "token":
        return this.#numTokens;
      case "slice":
        return this.#numSlices;
      case "attentionItem":
        return this.#numAttentionItems;
      case "mergeItem":
        return this.#numMergeItems;
    }
  }
}

/** Prepares the heads that unit `unit` of an attention job reads. */
function prepareItem(attention: Job, prepare: Job, unit: number): void {
  const { i32, jobOffset, numUnits: numKvHeads } = attention;
  const items = word(i32, jobOffset / 4 + itemsField) / 4;
  const item = items + attentionItem.words * Math.floor(unit / numKvHeads);
  const [firstRow, numRows] = [attentionItem.firstRow, attentionItem.numRows];
  const head = unit % numKvHeads;
  prepareHeads(prepare, head, head + 1, word(i32, item + firstRow), word(i32, item + numRows));
}

function prepareHeads(job: Job, start: number, end: number, firstRow: number, numRows: number): void {
  job.i32[job.jobOffset / 4 + firstTokenField] = firstRow;
  job.i32[job.jobOffset / 4 + numTokensField] = numRows;
  runJob(job, start, end);
}

/** Every job on units [start, end). */
function runRows(jobs: readonly Job[], start: number, end: number): void {
  for (const job of jobs) runJob(job, start, end);
}

function runJob(job: Job, start: number, end: number): void {
  job.i32[job.startWord] = start;
  job.i32[job.startWord + 1] = end;
  job.kernel(job.jobOffset);
}

function totalUnits(jobs: readonly Job[]): number {
  let numUnits = 0;
  for (const job of jobs) numUnits += job.numUnits;
  return numUnits;
}

/** Word of a typed array whose index is within it by construction. */
function word(values: Int32Array, index: number): number {
  return values[index] as number;
}
