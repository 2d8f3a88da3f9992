/**
 * @module A debugging mode: the bytes on both sides of what a job writes must be the same after the call.
 *
 * For servers of one thread (`--threads 1`): with more, a neighbouring buffer may rightly change at the same time.
 */
import { invariant } from "../../../../core/errors.ts";
import type { KernelName } from "../jobs.ts";
import type { Kernel } from "../kernel-set.ts";
import type { JobCheck } from "./job-check.ts";

/** Bytes looked at on each side: the widest single store is 64. */
const guardBytes = 64;

/** The kernel behind its check, with guards. Throws once the damage is done, with its place. */
export function guardedCall(
  name: KernelName,
  memory: WebAssembly.Memory,
  check: JobCheck,
  native: Kernel,
): Kernel {
  const bytes = new Uint8Array(memory.buffer);
  return (jobOffset) => {
    check.look(jobOffset);
    const { start, end } = check.written;
    const sides = [
      [Math.max(0, start - guardBytes), start],
      [end, end + guardBytes],
    ] as const;
    const before = sides.map(([from, to]) => bytes.slice(from, to));
    native(jobOffset);
    for (const [i, [from, to]] of sides.entries()) {
      const changed = bytes.subarray(from, to).findIndex((byte, at) => byte !== before[i]?.[at]);
      invariant(
        changed < 0,
        () => `${name} wrote byte ${from + changed}, its results are ${start} to ${end}`,
      );
    }
  };
}
