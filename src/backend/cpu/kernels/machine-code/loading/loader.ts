/**
 * @module Loads bytes as functions. It is the only file that uses `node:ffi`, which is experimental.
 *
 * The image is written to a memfd, an unnamed file in memory, and the system's loader maps it. Threads open the same path and get
 * the same mapping. Two rules make this safe:
 *
 *   - The descriptor stays open as long as the process lives. The loader knows libraries by their path; a second image
 *     under a reused descriptor number would silently give the first one again.
 *   - An entry takes one f64, the address of its arguments. Only that signature is called directly from compiled
 *     JavaScript (8 ns); integers or more arguments go through wrappers that cost up to 1.5 µs. Addresses are below
 *     2^53, so the number is exact.
 */

import type * as Ffi from "node:ffi";
import { writeSync } from "node:fs";
import { invariant } from "../../../../../core/errors.ts";

/** A loaded function: its argument is an address, its result is in memory. */
export type NativeEntry = (address: number) => void;

const closeOnExec = 1;

/** Why this process cannot load machine code; null if it can try. */
export function whyNoLoader(): string | null {
  if (process.platform !== "linux" || process.arch !== "x64")
    return `machine code is written for linux x64, this is ${process.platform} ${process.arch}`;
  if (ffi() === undefined)
    return `Node ${process.versions.node} has no node:ffi (Node 26 or newer, without --no-experimental-ffi)`;
  if (process.permission !== undefined && !process.permission.has("ffi"))
    return "the permission model forbids node:ffi (--allow-ffi would grant it)";
  return null;
}

/** Puts the image where the loader finds it, for the life of the process. @returns its path, for every thread */
export function publishImage(image: Uint8Array): string {
  const memfdCreate = foreign().dlopen(null, {
    memfd_create: { arguments: ["string", "u32"], return: "i32" },
  }).functions.memfd_create;
  const descriptor = memfdCreate("pagoda-kernels", closeOnExec);
  invariant(descriptor >= 0, () => "memfd_create was refused");
  let numWritten = 0;
  while (numWritten < image.length) numWritten += writeSync(descriptor, image, numWritten);
  return `/proc/self/fd/${descriptor}`;
}

/** The functions of a published image, in this thread. */
export function openImage(path: string): (name: string) => NativeEntry {
  const library = new (foreign().DynamicLibrary)(path);
  // A function keeps its library alive; it is never closed, since other threads may be running it.
  return (name) => library.getFunction(name, { arguments: ["f64"], return: "void" });
}

/** Address of a memory's first byte. It does not move: `WebAssembly.Memory` reserves its whole range. */
export function addressOf(buffer: ArrayBufferLike): bigint {
  // Declared for ArrayBuffer only; shared buffers are accepted, and their memory is the same for every thread.
  return foreign().getRawPointer(buffer as ArrayBuffer);
}

function ffi(): typeof Ffi | undefined {
  return process.getBuiltinModule("node:ffi");
}

function foreign(): typeof Ffi {
  const module = ffi();
  invariant(module !== undefined, () => "node:ffi is missing: ask whyNoLoader first");
  return module;
}

/**
 * Asks the system to back the first `numBytes` of a memory with pages of 2 MiB where it can; to be called before they
 * are touched. Whole weight matrices are read at every step, and a processor's prefetcher stops at the end of each page.
 * The answer is ignored: a refusal only costs speed.
 */
export function preferHugePages(buffer: ArrayBufferLike, numBytes: number): void {
  advise(buffer, 0, numBytes, advice.hugePages);
}

/** Gives the pages between two bytes back to the system: they are zeros when they are touched again. @returns whether it did */
export function releasePages(buffer: ArrayBufferLike, start: number, end: number): boolean {
  return advise(buffer, start, end, advice.dontNeed);
}

/** Makes pages resident again, zeros where they were released. @returns whether the system could */
export function populatePages(buffer: ArrayBufferLike, start: number, end: number): boolean {
  return advise(buffer, start, end, advice.populateWrite);
}

/** The whole pages between two bytes. */
function advise(buffer: ArrayBufferLike, start: number, end: number, what: number): boolean {
  const firstByte = Math.ceil(start / systemPageBytes) * systemPageBytes;
  const numBytes = Math.floor(end / systemPageBytes) * systemPageBytes - firstByte;
  if (numBytes <= 0) return true;
  const madvise = foreign().dlopen(null, {
    madvise: { arguments: ["u64", "u64", "i32"], return: "i32" },
  }).functions.madvise;
  return madvise(addressOf(buffer) + BigInt(firstByte), BigInt(numBytes), what) === 0;
}

export const systemPageBytes = 4096;

/** Of Linux's <sys/mman.h>: MADV_DONTNEED, MADV_HUGEPAGE, MADV_POPULATE_WRITE (Linux 5.14). */
const advice = { dontNeed: 4, hugePages: 14, populateWrite: 23 } as const;
