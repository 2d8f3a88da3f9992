/** @module A kernel arena with one kernel set bound to it: for running single kernels, once or many times. */
import { jobBytes } from "../../footprint/workspace-layout.ts";
import type { JobValues, KernelName } from "../jobs.ts";
import type { KernelSet } from "../kernel-set.ts";
import { type JobPart, KernelArena } from "./kernel-arena.ts";

export class BoundArena extends KernelArena {
  readonly #set: KernelSet;
  readonly #job: number;

  /** @param addressOf as for `KernelArena`: needed where `bind` gives machine code */
  constructor(
    numBytes: number,
    bind: (memory: WebAssembly.Memory) => KernelSet,
    addressOf?: (buffer: ArrayBufferLike) => bigint,
  ) {
    super(numBytes, addressOf);
    this.#set = bind(this.memory);
    this.#job = this.take(jobBytes);
  }

  /** Runs a kernel on units [start, end). */
  run<K extends KernelName>(kernel: K, values: JobValues<K>, start: number, end: number): void {
    this.writeJobAt(this.#job, kernel, values, { start, end });
    this.#set.kernels[kernel](this.#job);
  }

  /** Writes a job of its own. @returns the call alone, for benchmarks: small products take less than writing their job */
  prepare<K extends KernelName>(kernel: K, values: JobValues<K>, part: JobPart): () => void {
    const job = this.placeJob(kernel, values, part);
    const call = this.#set.kernels[kernel];
    return () => call(job);
  }
}
