/** @module The bytes set aside for the process itself: Node, code, stacks, and a heap whose ceiling follows the budget. */
import { mib } from "../../../../core/byte-size.ts";

/** A vocabulary of 50,000 tokens and the requests of a small instance need this much. */
const leastHeapMib = 128;
const mostHeapMib = 512;
const heapShareOfBudget = 1 / 5;
/** V8 keeps up to three semi-spaces; a larger one collects less often and holds more. */
export const semiSpaceMib = 4;

/**
 * The ceiling of the JavaScript heap's old generation, in MiB. `budgetBytes` is the cap, or what the device has available
 * where there is no cap.
 */
export function heapCeilingMib(budgetBytes: number): number {
  return Math.min(mostHeapMib, Math.max(leastHeapMib, Math.floor((budgetBytes * heapShareOfBudget) / mib)));
}

/**
 * Resident beside the JavaScript heap: Node's own code and data, compiled code, libraries' native memory, 96 MiB measured
 * as VmRSS less heap and buffers of an idle server; and 20 MiB for what sockets and bodies take outside the heap when
 * 1,500 requests arrive at once.
 */
const nodeBaseMib = 116;
/**
 * What the server keeps of the last day for those who watch it: its history by the second and by the minute, latencies of
 * 15 minutes, ghosts of the prefix cache, and frames of the event stream. A test adds up their sizes.
 */
export const observatoryMib = 2;
/** One worker thread: its stack and its own small heap. Measured as the growth of VmRSS per thread. */
const workerMib = 14;
/** V8 holds up to three semi-spaces of young objects beside the old generation. */
const numSemiSpaces = 3;

/** The most bytes that a process takes for itself when its heap ends at `ceilingMib`. */
export function runtimeReservationBytes(ceilingMib: number, numThreads: number): number {
  return (
    (nodeBaseMib + observatoryMib + ceilingMib + numSemiSpaces * semiSpaceMib + numThreads * workerMib) * mib
  );
}
