/** @module Writes a thread's job blocks and notes which of their words change from step to step. */
import { invariant } from "../../../core/errors.ts";
import { jobBytes } from "../footprint/workspace-layout.ts";
import {
  type JobField,
  type JobValues,
  jobHeader,
  jobWord,
  type KernelName,
  writeJob,
} from "../kernels/jobs.ts";
import type { ThreadArena } from "../memory/thread-context.ts";
import type { Job, Patch } from "./phase.ts";

export class JobWriter {
  readonly #arenas: readonly ThreadArena[];
  readonly #thread: number;
  readonly #jobsPerThread: number;
  /** By arena. */
  readonly #numWritten: number[];
  #patches: Patch[] = [];

  constructor(arenas: readonly ThreadArena[], thread: number, jobsPerThread: number) {
    this.#arenas = arenas;
    this.#thread = thread;
    this.#jobsPerThread = jobsPerThread;
    this.#numWritten = arenas.map(() => 0);
  }

  /** Writes a new job block in `arenaId`. `numUnits` is as in `Job`; the runner sets start and end. */
  write<K extends KernelName>(arenaId: number, kernelName: K, values: JobValues<K>, numUnits = 0): Job {
    const arena = this.arena(arenaId);
    const index = this.#numWritten[arenaId] ?? 0;
    invariant(index < this.#jobsPerThread, () => `more than ${this.#jobsPerThread} jobs of a thread`);
    this.#numWritten[arenaId] = index + 1;
    const jobOffset = arena.layout.jobs + (this.#thread * this.#jobsPerThread + index) * jobBytes;
    writeJob(arena.views, jobOffset, kernelName, values, { start: 0, end: 0 }, arena.baseAddress);
    return {
      kernelName,
      kernel: arena.kernelSet.kernels[kernelName],
      jobOffset,
      i32: arena.views.i32,
      startWord: jobOffset / 4 + jobHeader.start,
      numUnits,
    };
  }

  /** Sets `field` of the job to `value` before each step or piece. */
  patch<K extends KernelName>(
    job: Job,
    kernelName: K,
    field: JobField<K>,
    value: Patch["value"],
    base = 0,
  ): void {
    this.#patches.push({
      i32: job.i32,
      word: job.jobOffset / 4 + jobWord(kernelName, field),
      value,
      base,
      privateOffset: 0,
    });
  }

  /** The patches noted since the last call. */
  takePatches(): readonly Patch[] {
    const patches = this.#patches;
    this.#patches = [];
    return patches;
  }

  arena(arenaId: number): ThreadArena {
    const arena = this.#arenas[arenaId];
    invariant(arena !== undefined, () => `there is no arena ${arenaId}`);
    return arena;
  }
}
