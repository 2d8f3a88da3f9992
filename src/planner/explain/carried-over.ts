/** @module Measured components under changed flags. */
import { bytesOf } from "../plan/component.ts";
import type { MeasuredBytes, Plan } from "../plan/plan.ts";
import { mapQuantity } from "../quantity/quantity.ts";

/**
 * Carries measured components over to changed flags: each is scaled as its estimate scales, so a smaller batch shrinks a
 * measured peak too. Free memory holds only for the same ranks.
 */
export function carriedOver(parts: MeasuredBytes, from: Plan, to: Plan): MeasuredBytes {
  const scaled: { -readonly [Name in keyof MeasuredBytes]: MeasuredBytes[Name] } = {};
  for (const name of ["weights", "persistent", "activations", "graphs"] as const) {
    const measuredPart = parts[name];
    if (measuredPart === undefined) continue;
    const before = bytesOf(from, name);
    const after = bytesOf(to, name);
    const factor = before > 0 ? after / before : 1;
    const why =
      factor === 1
        ? measuredPart.evidence.why
        : `${measuredPart.evidence.why}, scaled by ${factor.toFixed(3)}`;
    scaled[name] = mapQuantity(measuredPart, (bytes) => bytes * factor, why);
  }
  if (parts.free !== undefined && from.numDevices === to.numDevices) scaled.free = parts.free;
  return scaled;
}
