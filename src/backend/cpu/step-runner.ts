/**
 * @module One thread's way through a step. Allocates nothing.
 *
 * Threads take units of a phase from a shared claim counter in chunks, so a thread whose core is busy elsewhere does
 * less of it; the last to arrive at the barrier resets the counter before it lets the others go.
 */
import { tokensPerQuad } from "../../core/workspace-layout.ts";
import type { Barrier } from "./barrier.ts";
import { type ControlBlock, commandWords } from "./control.ts";
import type { CompiledProgram, Crossing, Job, Patch, Phase } from "./phase.ts";
import { ThreadTimings } from "./timing.ts";

/** Rows and octets are offered in about this many chunks for each thread: what the last one to finish is late by. */
const chunksPerThread = 16;
/** Multiply-adds below which a chunk of a product costs more to claim than it saves: a few microseconds' worth. */
const minChunkMacs = 32_768;

export class StepRunner {
  readonly #program: CompiledProgram;
  readonly #control: ControlBlock;
  readonly #barrier: Barrier;
  readonly #thread: number;
  readonly #numThreads: number;
  readonly #maxPieceRows: number;
  readonly #timings: ThreadTimings;
  #numTokens = 0;
  #numSlices = 0;
  #numAttentionItems = 0;
  #numMergeItems = 0;
  #pieceRows = 0;

  constructor(options: {
    readonly program: CompiledProgram;
    readonly control: ControlBlock;
    readonly barrier: Barrier;
    readonly thread: number;
    readonly numThreads: number;
    readonly maxPieceRows: number;
  }) {
    this.#program = options.program;
    this.#control = options.control;
    this.#barrier = options.barrier;
    this.#thread = options.thread;
    this.#numThreads = options.numThreads;
    this.#maxPieceRows = options.maxPieceRows;
    this.#timings = new ThreadTimings(options.control.timings[options.thread] ?? new Float64Array(64));
  }

  /** Runs body and head for the inputs that the command words describe. */
  run(): void {
    const { command } = this.#control;
    this.#numTokens = word(command, commandWords.numTokens);
    this.#numSlices = word(command, commandWords.numSlices);
    this.#numAttentionItems = word(command, commandWords.numAttentionItems);
    this.#numMergeItems = word(command, commandWords.numMergeItems);
    this.#timings.start();
    this.#applyPatches(this.#program.bodyPatches, 0, 0);
    this.#runPhases(this.#program.body);
    const numOutputs = word(command, commandWords.numOutputs);
    for (let first = 0; first < numOutputs; first += this.#maxPieceRows) {
      this.#pieceRows = Math.min(this.#maxPieceRows, numOutputs - first);
      this.#applyPatches(this.#program.headPatches, this.#pieceRows, first);
      this.#runPhases(this.#program.head);
    }
    this.#pieceRows = 0;
    this.#timings.finish();
  }

  #applyPatches(patches: readonly Patch[], numOutputs: number, firstOutput: number): void {
    for (const patch of patches) {
      let value = 0;
      if (patch.value === "numTokens") value = this.#numTokens;
      else if (patch.value === "numOutputs") value = numOutputs;
      else if (patch.value === "firstOutput") value = firstOutput;
      else value = patch.base + 4 * firstOutput;
      patch.i32[patch.word] = value;
    }
  }

  #runPhases(phases: readonly Phase[]): void {
    for (const phase of phases) {
      const numUnits = this.#numUnits(phase);
      if (numUnits === 0) continue;
      const needsBarrier = this.#runPhase(phase, numUnits);
      this.#timings.kernelsEnded(phase.kind);
      if (!needsBarrier) continue;
      if (this.#barrier.arrive()) {
        this.#control.claim[0] = 0;
        this.#barrier.release();
      }
      this.#timings.barrierEnded();
    }
  }

  #numUnits(phase: Phase): number {
    switch (phase.split) {
      case "tokenRows":
        return this.#numTokens;
      case "outputRows":
        return this.#pieceRows;
      case "attentionUnits":
        return this.#numAttentionItems * firstUnits(phase.jobs);
      case "mergeUnits":
        return this.#numMergeItems * firstUnits(phase.jobs);
      case "whole":
        return 1;
      case "octets":
      case "kvHeads":
        return totalUnits(phase.jobs);
    }
  }

  /** False where every thread did the whole phase, so nobody waits for anybody. */
  #runPhase(phase: Phase, numUnits: number): boolean {
    const { split, jobs } = phase;
    const isByRows = split === "tokenRows" || split === "outputRows";
    if (isByRows && phase.isRepeatable && numUnits === 1) {
      runRows(jobs, 0, 1);
      return false;
    }
    if (phase.crossing !== null) {
      if (this.#thread === 0) this.#cross(phase.crossing);
      return true;
    }
    const chunk = this.#chunkUnits(phase, numUnits);
    const { claim } = this.#control;
    for (;;) {
      const start = Atomics.add(claim, 0, chunk);
      if (start >= numUnits) return true;
      const end = Math.min(start + chunk, numUnits);
      if (isByRows) runRows(jobs, start, end);
      else if (jobs.length === 1) runRows(jobs, start, end);
      else runBeside(jobs, start, end);
    }
  }

  #chunkUnits({ split, unitMacs }: Phase, numUnits: number): number {
    if (split === "attentionUnits" || split === "mergeUnits" || split === "kvHeads") return 1;
    const fairShare = Math.floor(numUnits / (this.#numThreads * chunksPerThread));
    if (split !== "octets") return wholeQuads(fairShare, Math.ceil(numUnits / this.#numThreads));
    const numRows = this.#pieceRows > 0 ? this.#pieceRows : this.#numTokens;
    const worthwhile = Math.ceil(minChunkMacs / (unitMacs * numRows));
    // Even, since kernels with wide vectors take octets two by two.
    return 2 * Math.ceil(Math.max(fairShare, worthwhile) / 2);
  }

  #cross({ from, to, ranges }: Crossing): void {
    for (const { fromWord, toWord, numWords, per } of ranges) {
      const end = numWords * this.#numOf(per);
      for (let i = 0; i < end; i++) to[toWord + i] = from[fromWord + i] as number;
    }
  }

  #numOf(per: Crossing["ranges"][number]["per"]): number {
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

/**
 * Rows of a chunk: the quantised rows of a quad lie among each other, and two threads that write into the same cache
 * lines wait for each other at every word.
 */
function wholeQuads(numRows: number, mostRows: number): number {
  return Math.min(mostRows, tokensPerQuad * Math.max(1, Math.ceil(numRows / tokensPerQuad)));
}

/** Every job on units [start, end). */
function runRows(jobs: readonly Job[], start: number, end: number): void {
  for (const job of jobs) runJob(job, start, end);
}

/** Units [start, end) of the jobs' units laid end to end. */
function runBeside(jobs: readonly Job[], start: number, end: number): void {
  let first = 0;
  for (const job of jobs) {
    const jobStart = Math.max(start - first, 0);
    const jobEnd = Math.min(end - first, job.numUnits);
    if (jobStart < jobEnd) runJob(job, jobStart, jobEnd);
    first += job.numUnits;
    if (first >= end) return;
  }
}

function runJob(job: Job, start: number, end: number): void {
  job.i32[job.startWord] = start;
  job.i32[job.startWord + 1] = end;
  job.kernel(job.jobOffset);
}

function firstUnits(jobs: readonly Job[]): number {
  return jobs[0]?.numUnits ?? 0;
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
