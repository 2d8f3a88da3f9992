/** @module One plan, and where it does not fit the smallest changes that would make it fit. */
import { canonicalRequest, planStart } from "../engines/engines.ts";
import { withPassedOn } from "../engines/passed-on.ts";
import type { Plan, PlanRequest } from "../plan/plan.ts";
import { withSuggestions } from "./suggestions.ts";

/**
 * Plans one start of one engine on one kind of device.
 * @throws PagodaError `plan_invalid`, `model_unsupported`: what is wrong and the nearest thing that is right.
 */
export function plan(request: PlanRequest): Plan {
  const canonical = canonicalRequest(request);
  return withPassedOn(canonical, withSuggestions(canonical, planStart(canonical)));
}
