/**
 * @module TurboMind's allocator since 0.15: a region in 32 MiB pages, slabs of 2^k pages, objects (KV blocks) in slabs.
 *
 *   region  | pad | page | page | page | … | tail |        pad: base rounded up to 32 MiB; the tail below one page is lost
 *   slab      2^k pages, aligned: capacity = pages >> k
 *   object    one KV block of all layers; a slab holds floor(slab ÷ object) of them
 *
 * Source: lmdeploy-memory.md §2.3 (page.h, slab.h, object.cc).
 */
import { gib, mib } from "../quantity/bytes.ts";

export const pageBytes = 32 * mib;
const largestSlab = gib;
const packed = Math.fround(0.95);

export interface SlabLayout {
  readonly slabBytes: number;
  readonly objectsPerSlab: number;
}

function ceilPowerOfTwo(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}

/** The slab of an object size: doubled until it is packed to 95 % (in 32-bit floats) or 1 GiB large. */
export function slabFor(objectBytes: number): SlabLayout {
  let slabBytes = ceilPowerOfTwo(Math.max(pageBytes, objectBytes));
  const ratio = (): number => Math.fround((Math.floor(slabBytes / objectBytes) * objectBytes) / slabBytes);
  while (ratio() < packed && slabBytes < largestSlab) slabBytes *= 2;
  return { slabBytes, objectsPerSlab: Math.floor(slabBytes / objectBytes) };
}

/** Objects that a region holds; `padBytes` is lost in front, from 0 to one page. */
export function objectsInRegion(regionBytes: number, objectBytes: number, padBytes = 0): number {
  const numPages = Math.max(0, Math.floor((regionBytes - padBytes) / pageBytes));
  const slab = slabFor(objectBytes);
  return Math.floor(numPages / (slab.slabBytes / pageBytes)) * slab.objectsPerSlab;
}

/** The region LMDeploy takes of the free bytes: its ratio is a 32-bit float (0.9 acts as 0.8999999761). */
export function regionBytes(freeBytes: number, ratio: number): number {
  return Math.trunc(freeBytes * Math.fround(ratio));
}
