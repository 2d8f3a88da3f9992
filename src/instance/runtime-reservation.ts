/** @module The bytes set aside for the process itself: Node, code, stacks and heaps. */

import { mib } from "../core/byte-size.ts";
import { semiSpaceMib } from "./heap-shares.ts";

/**
 * Resident beside the JavaScript heap: Node's own code and data, compiled code, libraries' native memory, 96 MiB measured
 * as VmRSS less heap and buffers of an idle server; and 20 MiB for what sockets and bodies take outside the heap when
 * 1,500 requests arrive at once.
 */
const nodeBaseMib = 116;
/** One worker thread: its stack and its own small heap. Measured as the growth of VmRSS per thread. */
const workerMib = 14;
/** V8 holds up to three semi-spaces of young objects beside the old generation. */
const numSemiSpaces = 3;

/** The reservation for a process whose heap ends at `heapCeilingMib`. */
export function runtimeReservationBytes(heapCeilingMib: number, numThreads: number): number {
  return (nodeBaseMib + heapCeilingMib + numSemiSpaces * semiSpaceMib + numThreads * workerMib) * mib;
}
