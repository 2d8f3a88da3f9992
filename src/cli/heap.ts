/**
 * @module The ceiling of the JavaScript heap, set from the budget.
 *
 * V8 takes its ceiling only at the start of a process, so a command that serves replaces itself once (`execve`: the same
 * process id, nothing of the first image stays resident) with the flags that its `--memory` calls for. A second process
 * would count against the cap.
 */
import { capBytesOf } from "../core/budget.ts";
import { mib } from "../core/byte-size.ts";
import { PagodaError } from "../core/errors.ts";
import { readDeviceMemory } from "./device-memory.ts";
import { engineOptions } from "./options/engine-options.ts";
import { type Environment, readOptions } from "./options/read-options.ts";

/** Set in the replaced process; its value is the ceiling in MiB. */
const heapVariable = "PAGODA_HEAP_MIB";

/** Room for a vocabulary of 50,000 tokens and the requests of a small instance. */
const leastHeapMib = 128;
const mostHeapMib = 512;
const heapShareOfCap = 1 / 5;
/** V8 keeps up to three semi-spaces; a larger one collects less often and holds more. */
export const semiSpaceMib = 4;

/** The ceiling of the old generation for an instance under a cap, in MiB; `null`: no cap. */
export function heapCeilingMib(capBytes: number | null): number {
  if (capBytes === null) return mostHeapMib;
  return Math.min(mostHeapMib, Math.max(leastHeapMib, Math.floor((capBytes * heapShareOfCap) / mib)));
}

/** The cap among the options as typed; `null` without one. Options that are wrong are reported later, by the command. */
export function capAsTyped(
  given: Readonly<Record<string, unknown>>,
  environment: Environment,
): number | null {
  const { memory, utilization } = engineOptions;
  try {
    const values = readOptions({ memory, utilization }, given, environment);
    const cap = values.memory ?? values.utilization;
    return cap === null ? null : capBytesOf(cap.value, readDeviceMemory());
  } catch (thrown) {
    if (thrown instanceof PagodaError) return null;
    throw thrown;
  }
}

/**
 * What keeps glibc from holding on to freed memory: few arenas, and large chunks in mappings of their own. Its threshold
 * for those grows with what is freed, unless it is stated: one body of 4 MB would leave up to 100 MiB behind.
 */
const mallocVariables = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
} as const;

/** Replaces this process by itself under the ceiling; returns where that is done already, or not possible here. */
export function ensureHeapCeiling(ceilingMib: number, environment: Environment): void {
  if (environment[heapVariable] !== undefined || process.execve === undefined) return;
  const script = process.argv[1];
  if (script === undefined) return;
  const flags = [
    `--max-old-space-size=${ceilingMib}`,
    `--max-semi-space-size=${semiSpaceMib}`,
    // node:ffi, which loads the machine-code kernels, warns at every start.
    "--disable-warning=ExperimentalWarning",
  ];
  process.execve(
    process.execPath,
    [process.execPath, ...process.execArgv, ...flags, script, ...process.argv.slice(2)],
    {
      ...process.env,
      [heapVariable]: String(ceilingMib),
      ...mallocVariables,
    },
  );
}

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
 * alternatives each (`engine/unread-events.ts` has what was measured).
 */
export function unreadCapacityBytes(ceilingMib: number): number {
  return Math.floor(ceilingMib * mib * unreadShareOfHeap);
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
