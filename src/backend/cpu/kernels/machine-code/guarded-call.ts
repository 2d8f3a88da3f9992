/**
 * @module A debugging mode that checks that a kernel did not change the bytes on both sides of its results.
 *
 * For servers of one thread (`--threads 1`): with more, another thread may change a neighboring buffer at the same time.
 */
import { invariant } from "../../../../core/errors.ts";
import type { KernelName } from "../jobs.ts";
import type { Kernel } from "../kernel-set.ts";
import type { JobCheck } from "./job-check.ts";

/** Bytes that are checked on each side: the widest single store has 64. */
const guardBytes = 64;

/** The kernel with its check and with guards. Throws after a bad write, with its place. */
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
