/** @module An arena to try kernels in: regions one after another, with guard bytes between. */
import { invariant } from "../../../../../core/errors.ts";
import { jobBytes } from "../../../footprint/workspace-layout.ts";
import { type JobValues, jobHeader, type KernelName, writeJob } from "../../jobs.ts";
import { addressOf } from "../loader.ts";

const pageBytes = 65536;
const guardBytes = 64;
const guardValue = 0xa5;

export interface JobPart {
  readonly start: number;
  readonly end: number;
}

/** Regions are taken one after another; each lies between two stretches of guard bytes. */
export class ScratchArena {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly u16: Uint16Array;
  readonly #base: bigint;
  readonly #guards: number[] = [];
  #top = guardBytes;

  constructor(numBytes: number) {
    const numPages = Math.ceil(numBytes / pageBytes);
    this.memory = new WebAssembly.Memory({ initial: numPages, maximum: numPages, shared: true });
    const { buffer } = this.memory;
    this.bytes = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.#base = addressOf(buffer);
  }

  /** Forgets all regions; what they hold stays. */
  reset(): void {
    this.#top = guardBytes;
    this.#guards.length = 0;
  }

  /** Byte offset of a new region, aligned to 64 plus `misalignment`, right up to its guards. */
  take(numBytes: number, misalignment = 0): number {
    const start = Math.ceil(this.#top / 64) * 64 + guardBytes + misalignment;
    const end = start + numBytes;
    invariant(
      end + guardBytes <= this.bytes.length,
      () => `a scratch arena of ${this.bytes.length} bytes is full`,
    );
    this.#guard(start - guardBytes);
    this.#guard(end);
    this.#top = end + guardBytes;
    return start;
  }

  /** Region of f32 numbers, filled. */
  floats(values: ArrayLike<number>): number {
    const at = this.take(4 * values.length);
    this.f32.set(values, at / 4);
    return at;
  }
  /** Region of i32 numbers, filled. */
  ints(values: ArrayLike<number>): number {
    const at = this.take(4 * values.length);
    this.i32.set(values, at / 4);
    return at;
  }

  /** A copy of everything up to the last region's guard. */
  snapshot(): Uint8Array {
    return this.bytes.slice(0, this.#top);
  }

  /** Offsets of guard bytes that something has overwritten. */
  brokenGuards(): number[] {
    return this.#guards.filter(
      (at) => !this.bytes.subarray(at, at + guardBytes).every((b) => b === guardValue),
    );
  }

  /** Writes a job block. @returns its byte offset, a kernel's argument */
  placeJob<K extends KernelName>(kernel: K, values: JobValues<K>, part: JobPart): number {
    const job = this.take(jobBytes);
    writeJob(this, job, kernel, values, part, this.#base);
    return job;
  }

  setPart(job: number, { start, end }: JobPart): void {
    this.i32[job / 4 + jobHeader.start] = start;
    this.i32[job / 4 + jobHeader.end] = end;
  }

  #guard(at: number): void {
    this.bytes.fill(guardValue, at, at + guardBytes);
    this.#guards.push(at);
  }
}
