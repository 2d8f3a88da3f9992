/**
 * @module For tests, benches and the self-test: an arena of named regions, seeded numbers in them, guard bytes between.
 */
import { invariant } from "../../../core/errors.ts";
import { type JobValues, jobBytes, type KernelName, writeJob } from "../jobs.ts";
import type { KernelSet } from "../kernel-set.ts";
import type { ArenaMemory } from "./kernel-image.ts";
import { addressOf } from "./loader.ts";

const pageBytes = 65536;
const guardBytes = 64;
const guardValue = 0xa5;

/** Numbers that look random and are the same every time (xorshift, 32 bits). */
export class SeededNumbers {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761) | 1;
  }
  /** [0, 2^32) */
  bits(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }
  /** Whole, in [low, high]. */
  between(low: number, high: number): number {
    return low + (this.bits() % (high - low + 1));
  }
  /** [−1, 1) */
  signed(): number {
    return this.bits() / 2 ** 31 - 1;
  }
}

/** Regions are taken one after another; each lies between two stretches of guard bytes. */
export class TestArena {
  readonly memory: ArenaMemory;
  readonly bytes: Uint8Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly u16: Uint16Array;
  readonly #base: bigint;
  readonly #guards: number[] = [];
  #top = guardBytes;

  constructor(numBytes: number, usesMachineCode = true) {
    const numPages = Math.ceil(numBytes / pageBytes);
    this.memory = new WebAssembly.Memory({ initial: numPages, maximum: numPages, shared: true });
    const { buffer } = this.memory;
    this.bytes = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.#base = usesMachineCode ? addressOf(buffer) : 0n;
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
      () => `a test arena of ${this.bytes.length} bytes is full`,
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

  /** Offsets of guard bytes that something has overwritten. */
  brokenGuards(): number[] {
    return this.#guards.filter(
      (at) => !this.bytes.subarray(at, at + guardBytes).every((b) => b === guardValue),
    );
  }

  /** Writes a job and runs it. */
  run<K extends KernelName>(
    kernels: KernelSet,
    kernel: K,
    values: JobValues<K>,
    part: { readonly start: number; readonly end: number },
  ): void {
    const job = this.take(jobBytes);
    writeJob(this, job, kernel, values, part, this.#base);
    kernels.kernels[kernel](job);
  }

  #guard(at: number): void {
    this.bytes.fill(guardValue, at, at + guardBytes);
    this.#guards.push(at);
  }
}
