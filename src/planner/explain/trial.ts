/** @module Tries changed flags against a start that a log has measured. */
import { PagodaError } from "../../core/errors.ts";
import { plan } from "../engines/engines.ts";
import type { FlagValue, FlagValues, MeasuredBytes, Plan, PlanRequest } from "../plan/plan.ts";
import { carriedOver } from "./measured-parts.ts";

export interface Measured {
  /** The start as logged, nothing measured yet. */
  readonly request: PlanRequest;
  readonly planned: Plan;
  readonly parts: MeasuredBytes;
}

/** The plan of a request, or null where the engine would refuse the flags themselves. */
export function planOrNull(request: PlanRequest): Plan | null {
  try {
    return plan(request);
  } catch (error) {
    if (error instanceof PagodaError) return null;
    throw error;
  }
}

/** The plan with `changes` to the flags, measured components carried over; a flag of null is taken away. */
export function tryFlags(
  measured: Measured,
  changes: Readonly<Record<string, FlagValue | null>>,
): Plan | null {
  const flags: Record<string, FlagValue> = {};
  for (const [name, value] of Object.entries({ ...measured.request.flags, ...changes }))
    if (value !== null) flags[name] = value;
  return planWith(measured, flags);
}

function planWith(measured: Measured, flags: FlagValues): Plan | null {
  const request = { ...measured.request, flags };
  const plain = planOrNull(request);
  if (plain === null) return null;
  return planOrNull({ ...request, measured: carriedOver(measured.parts, measured.planned, plain) });
}
