/** @module One plan of LMDeploy, by the one of its three memory rules that applies. */
import type { Plan, PlanRequest } from "../../../plan/plan.ts";
import { planPytorch } from "./pytorch.ts";
import { lmdeployStart } from "./start.ts";
import { planTurbomind } from "./turbomind.ts";
import { planLegacy } from "./turbomind-legacy.ts";

const rules = { turbomindSlab: planTurbomind, turbomindLegacy: planLegacy, pytorch: planPytorch } as const;

/** One plan, without suggestions. */
export function planLmdeploy(request: PlanRequest): Plan {
  const start = lmdeployStart(request);
  return rules[start.settings.rule](start, request);
}
