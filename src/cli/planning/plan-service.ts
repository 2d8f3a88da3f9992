/** @module The planner as a service of the running server. */
import type { PlanService } from "../../api/admin/plan.ts";

/** The planner and its catalogue are loaded with the first question: a server that is never asked does not hold them. */
export function planService(environment: Readonly<Record<string, string | undefined>>): PlanService {
  return {
    async plan(asked) {
      const { answerPlan } = await import("./plan-answer.ts");
      return answerPlan(asked, environment);
    },
  };
}
