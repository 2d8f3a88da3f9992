/** @module POST /admin/plan, where the process was given a planner. */
import type { FastifyInstance } from "fastify";
import { type PlanService, parseAdminPlanRequest } from "../../api/admin/plan.ts";

/** A plan touches neither the model nor its memory: it is answered while the model still loads. */
export function addPlanRoute(app: FastifyInstance, planner: PlanService | undefined): void {
  if (planner === undefined) return;
  app.post("/admin/plan", async (request) => planner.plan(parseAdminPlanRequest(request.body)));
}
