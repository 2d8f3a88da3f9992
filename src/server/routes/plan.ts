/** @module POST /admin/plan and GET /admin/start, where the process was given a planner and knows its own start. */
import type { FastifyInstance } from "fastify";
import { type PlanService, parseAdminPlanRequest } from "../../api/admin/plan.ts";
import type { StartService } from "../../api/admin/start.ts";

/** A plan touches neither the model nor its memory: it is answered while the model still loads. */
export function addPlanRoute(app: FastifyInstance, planner: PlanService | undefined): void {
  if (planner === undefined) return;
  app.post("/admin/plan", async (request) => planner.plan(parseAdminPlanRequest(request.body)));
}

/** Without a service (a router, a test) there is no such path. */
export function addStartRoute(app: FastifyInstance, service: StartService | undefined): void {
  if (service === undefined) return;
  app.get("/admin/start", async () => service.start());
}
