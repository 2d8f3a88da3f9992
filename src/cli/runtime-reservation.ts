/** @module The bytes set aside for the process itself: Node, code, stacks and heaps. */
import { mib } from "../core/byte-size.ts";
import { semiSpaceMib } from "./heap.ts";

/**
 * Resident at rest beside the JavaScript heap: Node's own code and data, compiled code, libraries' native memory.
 * Measured as VmRSS less heap and buffers of an idle server, and rounded up.
 */
const nodeBaseMib = 96;
/** One worker thread: its stack and its own small heap. Measured as the growth of VmRSS per thread. */
const workerMib = 14;
/** V8 holds up to three semi-spaces of young objects beside the old generation. */
const numSemiSpaces = 3;

/** The reservation for a process whose heap ends at `heapCeilingMib`. */
export function runtimeReservationBytes(heapCeilingMib: number, numThreads: number): number {
  return (nodeBaseMib + heapCeilingMib + numSemiSpaces * semiSpaceMib + numThreads * workerMib) * mib;
}
