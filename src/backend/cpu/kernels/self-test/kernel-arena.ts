/** @module A memory in which single kernels run outside a model: regions one after another, each between guard bytes. */
import { invariant } from "../../../../core/errors.ts";
import { jobBytes } from "../../footprint/workspace-layout.ts";
import { type JobValues, jobHeader, type KernelName, writeJob } from "../jobs.ts";

const pageBytes = 65536;
const guardBytes = 64;
const guardValue = 0xa5;

/** Units [start, end) of a job. */
export interface JobPart {
  readonly start: number;
  readonly end: number;
}

export class KernelArena {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly u16: Uint16Array;
  readonly #base: bigint;
  readonly #guards: number[] = [];
  #top = 0;

  /** @param addressOf gives the address of the memory's byte 0, which machine code needs; by default 0, for WebAssembly */
  constructor(numBytes: number, addressOf: (buffer: ArrayBufferLike) => bigint = () => 0n) {
    const numPages = Math.ceil(numBytes / pageBytes);
    this.memory = new WebAssembly.Memory({ initial: numPages, maximum: numPages, shared: true });
    const { buffer } = this.memory;
    this.bytes = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.#base = addressOf(buffer);
  }

  /** Forgets all regions; their contents stay. */
  reset(): void {
    this.#top = 0;
    this.#guards.length = 0;
  }

  /** Byte offset of a new region, a multiple of 64 plus `misalignment`; guard bytes touch it on both sides. */
  take(numBytes: number, misalignment = 0): number {
    const start = Math.ceil(this.#top / 64) * 64 + guardBytes + misalignment;
    const end = start + numBytes;
    invariant(
      end + guardBytes <= this.bytes.length,
      () => `a kernel arena of ${this.bytes.length} bytes is full`,
    );
    this.#guard(start - guardBytes);
    this.#guard(end);
    this.#top = end + guardBytes;
    return start;
  }

  /** A region of f32 numbers. */
  floats(values: ArrayLike<number>): number {
    const at = this.take(4 * values.length);
    this.f32.set(values, at / 4);
    return at;
  }

  /** A region of i32 numbers. */
  ints(values: ArrayLike<number>): number {
    const at = this.take(4 * values.length);
    this.i32.set(values, at / 4);
    return at;
  }

  /** A region of f64 numbers. */
  doubles(values: ArrayLike<number>): number {
    const at = this.take(8 * values.length);
    this.f64.set(values, at / 8);
    return at;
  }

  /** A region of bytes. */
  raw(values: Uint8Array): number {
    const at = this.take(values.length);
    this.bytes.set(values, at);
    return at;
  }

  readFloats(at: number, length: number): Float32Array {
    return this.f32.slice(at / 4, at / 4 + length);
  }

  /** A copy of everything up to the last region's guard. */
  snapshot(): Uint8Array {
    return this.bytes.slice(0, this.#top);
  }

  /** Offsets of the guards that a kernel has written over. */
  brokenGuards(): number[] {
    return this.#guards.filter(
      (at) => !this.bytes.subarray(at, at + guardBytes).every((byte) => byte === guardValue),
    );
  }

  /** Writes a job block. @returns its byte offset, which is the argument of a kernel */
  placeJob<K extends KernelName>(kernel: K, values: JobValues<K>, part: JobPart): number {
    const job = this.take(jobBytes);
    this.writeJobAt(job, kernel, values, part);
    return job;
  }

  writeJobAt<K extends KernelName>(job: number, kernel: K, values: JobValues<K>, part: JobPart): void {
    writeJob(this, job, kernel, values, part, this.#base);
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
