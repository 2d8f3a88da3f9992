/** @module The engines the planner knows; a further one is one more rules file and one more line of `all-engines.ts`. */
import { PagodaError } from "../../core/errors.ts";
import { canonicalFlags } from "../plan/flags.ts";
import { deepFreeze, type Plan, type PlanRequest } from "../plan/plan.ts";
import type { EngineRules } from "../rules/engine-rules.ts";
import { nearest } from "../words/nearest.ts";
import { allEngines } from "./all-engines.ts";

/** The rules of every engine. */
export const engineRules: readonly EngineRules[] = allEngines;

/** Ids of all engines. */
export const knownEngines: readonly string[] = engineRules.map(({ id }) => id);

/**
 * The rules of an engine.
 * @throws PagodaError `plan_invalid` naming the nearest engine.
 */
export function rulesOf(engine: string): EngineRules {
  const rules = engineRules.find(({ id }) => id === engine);
  if (rules !== undefined) return rules;
  throw new PagodaError("plan_invalid", `The planner does not know the engine "${engine}".`, {
    param: "engine",
    hint: `It knows ${knownEngines.join(" and ")}; the nearest is ${nearest(engine, knownEngines)}.`,
  });
}

/** The request with its flags under the names of the engine's table. */
export function canonicalRequest(request: PlanRequest): PlanRequest {
  const { title, flags } = rulesOf(request.engine);
  return { ...request, flags: canonicalFlags(title, flags, request.flags) };
}

/**
 * Plans one start, without suggestions.
 * @throws PagodaError `plan_invalid`, `model_unsupported`: what is wrong and the nearest thing that is right.
 */
export function planStart(request: PlanRequest): Plan {
  return deepFreeze(rulesOf(request.engine).plan(request));
}

/** The plan of a request, or null where the engine would refuse the flags themselves. */
export function planOrNull(request: PlanRequest): Plan | null {
  try {
    return planStart(request);
  } catch (error) {
    if (error instanceof PagodaError) return null;
    throw error;
  }
}
