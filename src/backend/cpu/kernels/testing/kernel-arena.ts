/** @module An arena in which tests and benchmarks run single kernels: regions one after another, guard bytes between. */
import { readFileSync } from "node:fs";
import { invariant } from "../../../../core/errors.ts";
import { jobBytes } from "../../footprint/workspace-layout.ts";
import { type JobValues, type KernelName, writeJob } from "../jobs.ts";
import type { KernelSet } from "../kernel-set.ts";

const guardBytes = 64;
const guardValue = 0x5a;
const kernelFile = new URL("../../../../../build/kernels.wasm", import.meta.url);

/** A kernel set over one memory, and the address of its byte 0 for machine code (0n where only wasm reads it). */
interface Bound {
  readonly kernelSet: KernelSet;
  readonly baseAddress: bigint;
}

let compiled: WebAssembly.Module | undefined;

function bindWasm(memory: WebAssembly.Memory): Bound {
  compiled ??= new WebAssembly.Module(readFileSync(kernelFile));
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  return {
    kernelSet: { name: "wasm", kernels: exports as unknown as KernelSet["kernels"] },
    baseAddress: 0n,
  };
}

export class KernelArena {
  readonly bytes: Uint8Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly #bound: Bound;
  readonly #job: number;
  #top = guardBytes;

  constructor(numBytes: number, bind: (memory: WebAssembly.Memory) => Bound = bindWasm) {
    const numPages = Math.ceil(numBytes / 65536);
    const memory = new WebAssembly.Memory({ initial: numPages, maximum: numPages, shared: true });
    this.bytes = new Uint8Array(memory.buffer).fill(guardValue);
    this.i32 = new Int32Array(memory.buffer);
    this.f32 = new Float32Array(memory.buffer);
    this.f64 = new Float64Array(memory.buffer);
    this.#bound = bind(memory);
    this.#job = this.take(jobBytes);
  }

  /** Byte offset of a new region aligned to 64, guard bytes right after it. */
  take(numBytes: number): number {
    const start = Math.ceil(this.#top / 64) * 64;
    this.#top = start + numBytes + guardBytes;
    invariant(this.#top <= this.bytes.length, () => `a kernel arena of ${this.bytes.length} bytes is full`);
    return start;
  }

  floats(values: ArrayLike<number>): number {
    const at = this.take(4 * values.length);
    this.f32.set(values, at / 4);
    return at;
  }

  ints(values: ArrayLike<number>): number {
    const at = this.take(4 * values.length);
    this.i32.set(values, at / 4);
    return at;
  }

  doubles(values: ArrayLike<number>): number {
    const at = this.take(8 * values.length);
    this.f64.set(values, at / 8);
    return at;
  }

  raw(values: Uint8Array): number {
    const at = this.take(values.length);
    this.bytes.set(values, at);
    return at;
  }

  run<K extends KernelName>(kernel: K, values: JobValues<K>, start: number, end: number): void {
    writeJob(this, this.#job, kernel, values, { start, end }, this.#bound.baseAddress);
    this.#bound.kernelSet.kernels[kernel](this.#job);
  }

  /** Writes a job of its own. @returns the call alone, for benchmarks: small products take less than writing their job */
  prepare<K extends KernelName>(
    kernel: K,
    values: JobValues<K>,
    part: { readonly start: number; readonly end: number },
  ): () => void {
    const job = this.take(jobBytes);
    writeJob(this, job, kernel, values, part, this.#bound.baseAddress);
    const call = this.#bound.kernelSet.kernels[kernel];
    return () => call(job);
  }

  readFloats(at: number, length: number): Float32Array {
    return this.f32.slice(at / 4, at / 4 + length);
  }

  /** Whether the bytes after the region [at, at + numBytes) are as they were. */
  isGuardIntact(at: number, numBytes: number): boolean {
    const end = at + numBytes;
    return this.bytes.subarray(end, end + guardBytes).every((byte) => byte === guardValue);
  }
}

/** Numbers in [−1, 1), the same for a seed everywhere (a linear congruential generator's upper bits). */
export function seededFloats(seed: number, length: number, scale = 1): Float32Array {
  let state = (seed * 2654435761) >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return scale * ((state >>> 8) / 2 ** 23 - 1);
  });
}
