/** @module The engines the planner knows; a further one is one more rules file and one more line. */
import { PagodaError } from "../../core/errors.ts";
import type { EngineRules, Plan, PlanRequest } from "../plan/plan.ts";
import { nearest } from "../words/nearest.ts";
import { lmdeployRules } from "./lmdeploy/rules.ts";
import { vllmRules } from "./vllm/rules.ts";

/** The rules of every engine. */
export const engineRules: readonly EngineRules[] = [vllmRules, lmdeployRules];

/** Ids of all engines. */
export const knownEngines: readonly string[] = engineRules.map(({ id }) => id);

/**
 * Plans one start of one engine on one kind of device.
 * @throws PagodaError `plan_invalid`, `model_unsupported`: what is wrong and the nearest thing that is right.
 */
export function plan(request: PlanRequest): Plan {
  const rules = engineRules.find(({ id }) => id === request.engine);
  if (rules !== undefined) return rules.plan(request);
  throw new PagodaError("plan_invalid", `The planner does not know the engine "${request.engine}".`, {
    param: "engine",
    hint: `The nearest is ${nearest(request.engine, knownEngines)}.`,
  });
}
