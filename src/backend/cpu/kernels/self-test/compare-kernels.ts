/**
 * @module Runs the same job with two kernel sets, which must leave the same memory behind.
 *
 * All bytes of the arena are compared, guards included, so a write outside the results is found at any place. Only results that
 * a case declares as numbers with fractions may differ, and only by roundings.
 */
import type { KernelName } from "../jobs.ts";
import type { KernelSet } from "../kernel-set.ts";
import type { KernelArena } from "./kernel-arena.ts";
import type { KernelCase } from "./kernel-case.ts";

/**
 * If two sets round differently (one fuses multiply-adds, one does not), a result may differ by this share of the job's largest
 * result. Sums of up to 10⁴ terms differ by a tenth of that.
 */
const roundingBound = 1e-4;

export type Comparison =
  | { readonly kind: "equal" }
  /** `error`: largest difference over largest result. */
  | { readonly kind: "rounded"; readonly error: number }
  | { readonly kind: "different"; readonly why: string };

/**
 * Runs a case with both sets, with the second one in two parts divided at `cut`. Afterwards the arena holds the results of the
 * second set.
 */
export function compareKernels(
  arena: KernelArena,
  [expected, actual]: readonly [KernelSet, KernelSet],
  { kernel, values, numUnits, floats, scratch }: KernelCase,
  cut: number,
): Comparison {
  const whole = { start: 0, end: numUnits };
  const job = arena.placeJob<KernelName>(kernel, values, whole);
  const before = arena.snapshot();
  expected.kernels[kernel](job);
  const wanted = arena.snapshot();
  arena.bytes.set(before);
  arena.setPart(job, { start: Math.min(cut, numUnits), end: numUnits });
  actual.kernels[kernel](job);
  arena.setPart(job, { start: 0, end: Math.min(cut, numUnits) });
  actual.kernels[kernel](job);
  arena.setPart(job, whole);
  const got = arena.snapshot();
  if (scratch !== undefined) for (const bytes of [wanted, got]) bytes.fill(0, scratch.start, scratch.end);
  return compareBytes(wanted, got, floats);
}

function compareBytes(wanted: Uint8Array, got: Uint8Array, floats: KernelCase["floats"]): Comparison {
  if (Buffer.compare(wanted, got) === 0) return { kind: "equal" };
  let largest = 0;
  let difference = 0;
  for (const { start, end } of floats) {
    const a = new Float32Array(wanted.buffer, start, (end - start) / 4);
    const b = new Float32Array(got.buffer, start, (end - start) / 4);
    for (const [i, x] of a.entries()) {
      largest = Math.max(largest, Math.abs(x));
      difference = Math.max(difference, Math.abs(x - (b[i] ?? Number.NaN)));
    }
    wanted.fill(0, start, end);
    got.fill(0, start, end);
  }
  const first = got.findIndex((byte, i) => byte !== wanted[i]);
  if (first >= 0) {
    const last = got.findLastIndex((byte, i) => byte !== wanted[i]);
    return { kind: "different", why: `bytes ${first} to ${last} differ where nothing is rounded` };
  }
  const error = difference === 0 ? 0 : difference / largest;
  if (error <= roundingBound) return { kind: "rounded", error };
  return { kind: "different", why: `results differ by ${error.toExponential(1)} of the largest` };
}
