/**
 * @module Two kernel sets on the same job: they must leave the same memory behind.
 *
 * All bytes of the arena are compared, guards included, so a write outside the results is found wherever it went.
 */
import type { KernelName } from "../jobs.ts";
import type { KernelSet } from "../kernel-set.ts";
import type { KernelCase } from "./cases/kernel-cases.ts";
import type { ScratchArena } from "./cases/scratch-arena.ts";

/**
 * Where two sets may round differently (one fuses multiply-adds, one does not), a result may differ by this share of
 * the largest result of the job. Sums of up to 10⁴ terms stay a tenth of it apart.
 */
const roundingBound = 1e-4;

export type Comparison =
  | { readonly kind: "equal" }
  /** `error`: largest difference over largest result. */
  | { readonly kind: "rounded"; readonly error: number }
  | { readonly kind: "different"; readonly why: string };

/**
 * Runs a case by both sets, by the second one in two parts cut at `cut`.
 * The arena's contents end as the second set left them.
 */
export function compareKernels(
  arena: ScratchArena,
  [expected, actual]: readonly [KernelSet, KernelSet],
  { kernel, values, numUnits, results, scratch }: KernelCase,
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
  return compareBytes(wanted, got, results);
}

function compareBytes(wanted: Uint8Array, got: Uint8Array, results: KernelCase["results"]): Comparison {
  if (Buffer.compare(wanted, got) === 0) return { kind: "equal" };
  const first = got.findIndex((byte, i) => byte !== wanted[i]);
  const last = got.findLastIndex((byte, i) => byte !== wanted[i]);
  if (first < results.start || last >= results.end)
    return {
      kind: "different",
      why: `bytes ${first} to ${last} differ, results are ${results.start} to ${results.end}`,
    };
  const numbers = (results.end - results.start) / 4;
  const a = new Float32Array(wanted.buffer, results.start, numbers);
  const b = new Float32Array(got.buffer, results.start, numbers);
  let largest = 0;
  let difference = 0;
  for (const [i, x] of a.entries()) {
    largest = Math.max(largest, Math.abs(x));
    difference = Math.max(difference, Math.abs(x - (b[i] ?? Number.NaN)));
  }
  const error = difference / largest;
  if (error <= roundingBound) return { kind: "rounded", error };
  return { kind: "different", why: `results differ by ${error.toExponential(1)} of the largest` };
}
