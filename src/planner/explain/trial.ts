/** @module Tries a changed start, with what a log measured of the unchanged one. */
import { planOrNull } from "../engines/engines.ts";
import { changedRequest, type Step } from "../plan/change.ts";
import type { MeasuredBytes, Plan, PlanRequest } from "../plan/plan.ts";
import { carriedOver } from "./carried-over.ts";

/** A start that a log measured. */
export interface MeasuredStart {
  /** The start as logged, nothing measured yet. */
  readonly request: PlanRequest;
  readonly planned: Plan;
  /** What the log measured of it. */
  readonly parts: MeasuredBytes;
}

/** The plan of a changed start, measured components carried over; null where the engine refuses the flags. */
export function planWith({ request, planned, parts }: MeasuredStart, step: Step): Plan | null {
  const changed = changedRequest(request, step);
  const plain = planOrNull(changed);
  if (plain === null) return null;
  const { weights: _weights, ...others } = parts;
  const measured = carriedOver(step.model === undefined ? parts : others, planned, plain);
  return planOrNull({ ...changed, measured });
}
