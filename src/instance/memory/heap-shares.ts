/** @module The parts of the JavaScript heap that requests may fill. */
import { mib } from "../../core/byte-size.ts";

/** What a log-probability costs while its answer is put together: an object of three fields, its number, its place. */
const bytesPerLogprob = 80;
const logprobShareOfHeap = 0.35;

/** Log-probabilities that answers may hold at once under a heap ceiling. */
export function logprobCapacity(ceilingMib: number): number {
  return Math.floor((ceilingMib * mib * logprobShareOfHeap) / bytesPerLogprob);
}

/** A body becomes strings, token ids and engine state of about three times its length. */
const bodyShareOfHeap = 0.1;

/** Bytes of request bodies that may be inside at once under a heap ceiling. */
export function bodyCapacityBytes(ceilingMib: number): number {
  return Math.floor(ceilingMib * mib * bodyShareOfHeap);
}

const unreadShareOfHeap = 0.1;

/**
 * Bytes of events that may wait for slow clients at once under a heap ceiling. What log-probabilities and bodies leave,
 * and a quarter of the smallest heap for the server at rest. It is 12.8 MiB there: some 80,000 tokens, or 6,500 with 20
 * alternatives each (`engine/output/output-backlog.ts` has what was measured).
 */
export function unreadCapacityBytes(ceilingMib: number): number {
  return Math.floor(ceilingMib * mib * unreadShareOfHeap);
}

const constraintShareOfHeap = 0.08;

/** Bytes that rules for texts, and the masks and states made of them, may hold under a heap ceiling. */
export function constraintCapacityBytes(ceilingMib: number): number {
  return Math.floor(ceilingMib * mib * constraintShareOfHeap);
}

const mostBodyMib = 4;
const bodyLimitShareOfHeap = 1 / 64;

/**
 * Bytes of the largest body under a heap ceiling. The worst JSON (`{},{},…`) takes twenty times its length as values, a
 * third of the heap at this limit. Under the smallest ceiling it is 2 MiB: half a million characters, more tokens than
 * the context of any model that fits.
 */
export function bodyLimitBytes(ceilingMib: number): number {
  return Math.min(mostBodyMib, ceilingMib * bodyLimitShareOfHeap) * mib;
}
