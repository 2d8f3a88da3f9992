/** @module Flags that a plan cannot take into account. */
import { deepFreeze, type Plan, type PlanRequest } from "../plan/plan.ts";
import { rulesOf } from "./engines.ts";

/** A flag that the planner does not know is part of the command, and the plan says that it was not taken into account. */
export function withPassedOn({ engine, flags }: PlanRequest, planned: Plan): Plan {
  const { title, flags: known } = rulesOf(engine);
  const names = new Set(known.map(({ name }) => name));
  const unknown = Object.keys(flags).filter((name) => !names.has(name));
  if (unknown.length === 0) return planned;
  const listed = unknown.map((name) => `--${name}`).join(", ");
  const warning = `Passed on to ${title} and not planned with: ${listed}.`;
  return deepFreeze({ ...planned, warnings: [...planned.warnings, warning] });
}
